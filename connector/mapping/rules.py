"""Conditions: `when: {path: value or values}`, the refusals and the deskphone choices that hang on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from marshmallow import ValidationError

from connector.mapping.parsing import Place, each, parse_keys, parse_pieces, parse_value
from connector.mapping.paths import MISSING, Path, as_text, parse_path
from connector.mapping.values import First, Fixed, Table, Text, Value
from connector.mapping.words import Words

#: Texts and numbers in which CRMs deliver a ticked or unticked box.
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


class Verdict(Enum):
    """What looking at a condition gave."""

    YES = "applies"
    NO = "does not apply"
    #: Nothing speaks against it, but a field it names was not read.
    UNREAD = "was not read"
    #: The same of a field that should hold yes or no, and holds neither.
    UNCLEAR = "is neither true nor false"


#: What can be neither ruled out nor said to hold.
OPEN = frozenset({Verdict.UNREAD, Verdict.UNCLEAR})


@dataclass(frozen=True, slots=True)
class Test:
    """One path and the values it is compared with, as text; booleans and numbers by their meaning."""

    path: Path
    wanted: tuple[str | int | float | bool | None, ...]

    def look(self, words: Words) -> Verdict:
        """Whether the path holds one of the values; a list (of picked values) holds each of its items."""
        value = self.path.read(words)
        if value is MISSING and self.path.root != "click":
            return Verdict.UNREAD
        held = (value or [None]) if isinstance(value, list | tuple) else [value]
        if any(_same(item, one) for item in held for one in self.wanted):
            return Verdict.YES
        a_box = all(isinstance(one, bool) for one in self.wanted) and value is not MISSING
        return Verdict.UNCLEAR if a_box and not all(map(_is_a_box, held)) else Verdict.NO


@dataclass(frozen=True, slots=True)
class When:
    """Tests that must all hold; none at all always holds."""

    tests: tuple[Test, ...] = ()

    def look(self, words: Words) -> Verdict:
        """NO as soon as one test speaks against it, else what is OPEN about the first such test, else YES."""
        answer = Verdict.YES
        for test in self.tests:
            verdict = test.look(words)
            if verdict is Verdict.NO:
                return verdict
            answer = verdict if answer is Verdict.YES else answer
        return answer

    def left(self, words: Words, verdict: Verdict) -> list[str]:
        """The paths of which a look said `verdict`."""
        return [test.path.text for test in self.tests if test.look(words) is verdict]

    def paths(self) -> Iterator[Path]:
        """Those it looks at."""
        return (test.path for test in self.tests)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody is rung when this holds, and `say` is what the person reads."""

    when: When
    say: Text

    def paths(self) -> Iterator[Path]:
        """Those of the condition and of the sentence."""
        yield from self.when.paths()
        yield from self.say.paths()


@dataclass(frozen=True, slots=True)
class DeskphoneRule:
    """This deskphone, when the condition holds."""

    use: Value
    when: When = When()

    def paths(self) -> Iterator[Path]:
        """Those of the condition and of the number."""
        yield from self.when.paths()
        yield from self.use.paths()


def parse_when(raw: Any, place: Place) -> When:
    """Compile `{path: value or list of values, …}`."""
    if not isinstance(raw, dict) or not raw:
        raise ValidationError("must name a field and its value: {record.DoNotCall: true}")

    def test(item: tuple[str, Any]) -> Test:
        text, wanted = item
        return Test(parse_path(text, place.roots), _wanted(wanted))

    return When(tuple(each({key: (key, value) for key, value in raw.items()}, test).values()))


def parse_refusal(raw: Any, place: Place) -> Refusal:
    """Compile `{when: …, say: …}`."""
    if not isinstance(raw, dict):
        raise ValidationError("must be {when: {record.DoNotCall: true}, say: why nobody is rung}")
    parts = parse_keys(
        raw, {"when": lambda part: parse_when(part, place), "say": lambda part: _say(part, place)}
    )
    return Refusal(parts["when"], parts["say"])


def parse_deskphone(raw: Any, place: Place) -> tuple[DeskphoneRule, ...]:
    """Compile one deskphone, or a list of `{when, use}` rules and plain values tried in order."""
    if not isinstance(raw, list):
        return (_deskphone_rule(raw, place),)
    if not raw:
        raise ValidationError("the list is empty; write `default` for the account's own deskphone")
    rules = each(dict(enumerate(raw)), lambda item: _deskphone_rule(item, place))
    return tuple(rules.values())


def _deskphone_rule(raw: Any, place: Place) -> DeskphoneRule:
    if not isinstance(raw, dict) or "from" in raw:
        return DeskphoneRule(_deskphone(raw, place))
    parsers: dict[str, Callable[[Any], Any]] = {
        "when": lambda part: parse_when(part, place),
        "use": lambda part: _deskphone(part, place),
    }
    return DeskphoneRule(**parse_keys(raw, parsers, needed=("use",)))


def _deskphone(raw: Any, place: Place) -> Value:
    value = parse_value(raw, place)
    for fixed in _fixed_values(value):
        if fixed != "default" and not is_deskphone(fixed):
            raise ValidationError("must be digits only, as CallerDesk's panel lists it, or `default`")
    return value


def _fixed_values(value: Value) -> Iterator[Any]:
    if isinstance(value, Fixed):
        yield value.value
    elif isinstance(value, Table):
        yield from (*value.to.values(), *([] if value.otherwise is None else [value.otherwise]))
    elif isinstance(value, First):
        for item in value.items:
            yield from _fixed_values(item)


def is_deskphone(value: Any) -> bool:
    """Whether a value is written as CallerDesk's panel lists a deskphone: 3 to 15 digits, leading 0 kept."""
    text = as_text(value)
    return not isinstance(value, bool) and text.isascii() and text.isdecimal() and 3 <= len(text) <= 15


def _say(raw: Any, place: Place) -> Text:
    if not isinstance(raw, str) or not raw.strip():
        raise ValidationError("must be the sentence the person reads")
    return parse_pieces(raw, place)


def _wanted(raw: Any) -> tuple[str | int | float | bool | None, ...]:
    values = raw if isinstance(raw, list) else [raw]
    if not values or any(isinstance(value, dict | list) for value in values):
        raise ValidationError("must be a value or a list of values to compare with")
    return tuple(values)


def _is_a_box(held: Any) -> bool:
    return not isinstance(held, Mapping) and as_text(held).strip().lower() in _TRUE | _FALSE


def _same(held: Any, wanted: str | int | float | bool | None) -> bool:
    if isinstance(held, Mapping):
        return False
    text = as_text(held).strip()
    if wanted is None:
        return text == ""
    if isinstance(wanted, bool):
        return text.lower() in (_TRUE if wanted else _FALSE)
    if isinstance(wanted, str):
        return text == wanted.strip()
    try:
        return float(held if isinstance(held, bool) else text) == wanted
    except ValueError:
        return False
