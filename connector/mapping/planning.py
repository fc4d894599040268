"""Record -> CallPlan: refuse rules first, then both numbers, then the deskphone, each step on the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector import redact
from connector.errors import Refused
from connector.mapping.paths import MISSING, Path, as_text, is_empty
from connector.mapping.rules import OPEN, DeskphoneRule, Verdict, is_deskphone
from connector.mapping.story import USED
from connector.mapping.values import First, Member, Table, Text, Value
from connector.mapping.words import Words, click_words
from connector.model import CallPlan, Choice, Click, Record

if TYPE_CHECKING:
    from connector.mapping.mapping import ObjectRules

_TO_ASK = {
    Verdict.UNREAD: "whether the CRM lets us read that field",
    Verdict.UNCLEAR: "to name the field's values in the rule",
}
#: A typed number -> E.164; raises Refused with the reason.
ReadNumber = Callable[[object], str]
#: An e-mail -> the number of CallerDesk's active member, or None.
MemberNumber = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Source:
    """One place a word may be filled from, with what stands there."""

    path: str
    value: Any
    is_member: bool = False


def plan_call(
    rules: ObjectRules,
    record: Record,
    click: Click,
    *,
    default_deskphone: str | None,
    default_call_limit: int | None,
    read_number: ReadNumber,
    member_number: MemberNumber,
) -> CallPlan:
    """Decide whom to ring for a record; see `Mapping.plan`."""
    words = {
        "record": record.record,
        "owner": record.owner,
        "user": record.user,
        "click": click_words(click),
    }
    planning = _Planning(f"{rules.name} {click.record_id}", words)
    planning.refuse(rules)
    numbers = _Numbers(read_number, member_number)
    customer = planning.number("calling_party_a", rules.customer, numbers)
    member = planning.number("calling_party_b", rules.member, numbers)
    deskphone = planning.deskphone("deskphone", rules.deskphone, default_deskphone)
    if deskphone is None:
        raise planning.no_deskphone(default_deskphone)
    return CallPlan(
        customer=customer,
        member=member,
        deskphone=deskphone,
        call_limit=planning.call_limit(rules.call_limit, default_call_limit),
        campid=planning.campid(rules.campid),
        form_deskphone=planning.deskphone("form_deskphone", rules.form_deskphone, default_deskphone),
        trace=tuple(planning.trace),
    )


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How a source becomes a number that can be rung."""

    read_number: ReadNumber
    member_number: MemberNumber

    def read(self, source: Source) -> str:
        """E.164, or Refused with the reason."""
        if not source.is_member:
            return self.read_number(source.value)
        found = self.member_number(as_text(source.value).strip())
        if not found:
            raise Refused("member_unknown", "CallerDesk has no active member with this e-mail")
        return self.read_number(found)


@dataclass(slots=True)
class _Planning:
    """One plan in the making: the record's name for sentences, the words, the trace so far."""

    label: str
    words: Words
    trace: list[Choice] = field(default_factory=list)

    def refuse(self, rules: ObjectRules) -> None:
        """Raise Refused (`refused_by_rule`) when a rule applies, or cannot be ruled out."""
        for rule in rules.refuse:
            verdict = rule.when.look(self.words)
            for path in rule.when.paths():
                self._note(
                    "refuse", path.text, redact.scrub(as_text(path.read(self.words)))[:60], verdict.value
                )
            if verdict is Verdict.YES:
                said = (
                    rule.say.render(self.words)
                    or f"A rule of the mapping file refuses calls to {self.label}."
                )
                raise Refused("refused_by_rule", redact.scrub(said))
            if verdict in OPEN:
                fields = " and ".join(rule.when.left(self.words, verdict))
                raise Refused(
                    "refused_by_rule",
                    f"Nobody was rung: {fields} of {self.label} {verdict.value}, so a rule that may forbid "
                    f"this call could not be checked. Ask the admin {_TO_ASK[verdict]}.",
                )

    def number(self, word: str, value: Value, numbers: _Numbers) -> str:
        """The first source with a number that can be rung, E.164; Refused naming every source and why."""
        found_any = False
        reasons: list[str] = []
        for source in _sources(value, self.words):
            if is_empty(source.value):
                why = "was not read" if source.value is MISSING else "is empty"
                self._note(word, source.path, "", why)
                reasons.append(f"{source.path} {why}")
                continue
            shown = _shown(source.value)
            try:
                number = numbers.read(source)
            except Refused as error:
                found_any = found_any or error.code != "number_missing"
                why = error.message.rstrip(".")
                self._note(word, source.path, shown, why)
                reasons.append(f"{source.path} ({shown}): {why}")
                continue
            self._note(word, source.path, shown, USED)
            return number
        raise self._no_number(word, reasons, found_any)

    def _no_number(self, word: str, reasons: Sequence[str], found_any: bool) -> Refused:
        party = "customer" if word == "calling_party_a" else "member"
        code = f"{party}_number_{'unusable' if found_any else 'missing'}"
        whom = self.label if party == "customer" else f"the member for {self.label}"
        state = "no number that can be rung" if found_any else "no number"
        if party == "member" and not self.words["owner"] and any("owner." in reason for reason in reasons):
            whom, state = self.label, "no owner whose number could be rung"
        fix = "Correct it on the record" if party == "customer" else "Correct the owner in the CRM"
        message = f"Nobody was rung: {whom} has {state} ({'; '.join(reasons)}). {fix} and press Call again."
        return Refused(code, message[0].upper() + message[1:])

    def deskphone(self, word: str, rules: Sequence[DeskphoneRule], default: str | None) -> str | None:
        """The deskphone of the first rule that applies and gives one, or None."""
        for rule in rules:
            verdict = rule.when.look(self.words)
            if verdict is not Verdict.YES:
                tested = ", ".join(path.text for path in rule.when.paths())
                self._note(word, f"when {tested}", "", verdict.value)
                continue
            for source in _sources(rule.use, self.words):
                is_default = source.value == "default"
                given = as_text(default if is_default else source.value).strip()
                if is_deskphone(given):
                    self._note(word, "default" if is_default else source.path, redact.mask(given), USED)
                    return given
                self._note(
                    word, source.path, redact.mask(given), "is empty" if not given else "is no deskphone"
                )
        return None

    def no_deskphone(self, default: str | None) -> Refused:
        """The refusal when no rule gave a deskphone."""
        tried = "; ".join(f"{step.path} {step.verdict}" for step in self.trace if step.word == "deskphone")
        fix = (
            "End the mapping's deskphone list with `default`"
            if default
            else "Set `deskphone` in the manifest"
        )
        return Refused(
            "deskphone_missing", f"Nobody was rung: no deskphone fits {self.label} ({tried}). {fix}."
        )

    def call_limit(self, value: Value | None, default: int | None) -> int | None:
        """Whole seconds; the account's own where the mapping or the record says nothing."""
        given = self._digits("CallLimit", value, "call_limit_invalid")
        return default if given is None else int(given)

    def campid(self, value: Value | None) -> str | None:
        """CallerDesk's campaign id, or None."""
        return self._digits("campid", value, "campid_invalid")

    def _digits(self, word: str, value: Value | None, code: str) -> str | None:
        for source in _sources(value, self.words) if value is not None else ():
            text = as_text(source.value).strip()
            if not text:
                self._note(word, source.path, "", "is empty")
                continue
            if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
                self._note(word, source.path, redact.scrub(text)[:60], "is no whole number above 0")
                message = (
                    f"Nobody was rung: {source.path} of {self.label} is no whole number above 0 for {word}."
                )
                raise Refused(code, message)
            self._note(word, source.path, text, USED)
            return text
        return None

    def _note(self, word: str, path: str, value: str, verdict: str) -> None:
        self.trace.append(Choice(word, path, value, verdict))


def _sources(value: Value, words: Words) -> Iterator[Source]:
    """Each place a value may come from, in order, with what stands there now."""
    if isinstance(value, Path):
        yield Source(value.text, value.read(words))
    elif isinstance(value, First):
        for item in value.items:
            yield from _sources(item, words)
    elif isinstance(value, Member):
        for source in _sources(value.source, words):
            yield Source(f"member by {source.path}", source.value, is_member=True)
    elif isinstance(value, Text):
        # Half a number is a stranger's number: a text with a gap is empty.
        whole = value.is_whole(words)
        yield Source(" + ".join(path.text for path in value.paths()), value.render(words) if whole else None)
    elif isinstance(value, Table):
        yield Source(f"table of {', '.join(path.text for path in value.paths())}", value.render(words))
    else:
        yield Source("the mapping file", value.render(words))


def _shown(value: Any) -> str:
    """A number as its last four digits, an e-mail as its first letter and its domain."""
    text = as_text(value).strip()
    name, at, domain = text.rpartition("@")
    if at:
        return f"{name[:1]}…@{domain}"
    return redact.mask(text) or "a text without digits"
