"""A loaded mapping file: which fields to read, whom to ring, what the timeline shows."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from connector.errors import Refused
from connector.mapping.paths import Path
from connector.mapping.planning import MemberNumber, ReadNumber, plan_call
from connector.mapping.rules import DeskphoneRule, Refusal
from connector.mapping.templates import RequestTemplate
from connector.mapping.values import Value, render_tree, tree_paths
from connector.mapping.words import PHASE, call_words, click_words
from connector.model import Activity, Call, CallPlan, Click, Record, Wanted
from connector.yamlfile import Document, did_you_mean


@dataclass(frozen=True, slots=True)
class ActivityRules:
    """What the timeline shows for one object."""

    kind: str
    key_field: str | None
    fields: Dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """How a record of one object becomes a call."""

    name: str
    customer: Value
    member: Value
    deskphone: tuple[DeskphoneRule, ...]
    activity: ActivityRules
    call_limit: Value | None = None
    campid: Value | None = None
    form_deskphone: tuple[DeskphoneRule, ...] = ()
    refuse: tuple[Refusal, ...] = ()

    def plan_paths(self) -> Iterator[Path]:
        """Every path the plan reads."""
        optional = [part for part in (self.call_limit, self.campid) if part is not None]
        for part in (self.customer, self.member, *optional):
            yield from part.paths()
        rules: list[DeskphoneRule | Refusal] = [*self.deskphone, *self.form_deskphone, *self.refuse]
        for rule in rules:
            yield from rule.paths()

    def activity_paths(self) -> Iterator[Path]:
        """Every path the activity reads."""
        return tree_paths(dict(self.activity.fields))


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, compiled. Immutable and shared between threads."""

    crm: str
    #: The first 12 hexadecimal digits of the SHA-256 of the file's text.
    version: str
    text: str = field(repr=False)
    objects: Dict[str, ObjectRules]
    #: Request templates by name (`crm: rest`), for `Account.requests`; see `templates`.
    requests: Dict[str, RequestTemplate | Path]
    #: The file as it was read, for positions.
    document: Document = field(repr=False)
    _wanted: dict[str, Wanted] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, rules in self.objects.items():
            self._wanted[name] = _wanted([*rules.plan_paths(), *rules.activity_paths()])

    @property
    def file(self) -> str:
        """The name the file's problems are reported under."""
        return self.document.file

    def wanted(self, object: str) -> Wanted:
        """The fields to read for an object, in the file's order; Refused (`unknown_object`)."""
        self.require(object)
        return self._wanted[object]

    def require(self, object: str) -> ObjectRules:
        """The rules for an object; Refused (`unknown_object`) naming those the file has."""
        try:
            return self.objects[object]
        except KeyError:
            near = did_you_mean(object, self.objects)
            # Whoever sent the click reads this: where the file lies is no business of theirs.
            message = f"The mapping file {PurePath(self.file).name} has no object {object[:80]!r}{near}."
            raise Refused("unknown_object", message.replace("?.", "?")) from None

    def plan(
        self,
        object: str,
        record: Record,
        click: Click,
        *,
        default_deskphone: str | None,
        default_call_limit: int | None = None,
        read_number: ReadNumber,
        member_number: MemberNumber,
    ) -> CallPlan:
        """Decide whom to ring for a record, and why.

        `read_number` turns a typed number into E.164 or raises Refused with the reason; `member_number`
        turns an e-mail into the number of CallerDesk's active member, or None; anything else they raise
        goes through. Raises Refused: `unknown_object`, `refused_by_rule`, `customer_number_missing`,
        `customer_number_unusable`, `member_number_missing`, `member_number_unusable`, `deskphone_missing`,
        `call_limit_invalid`, `campid_invalid`.
        """
        return plan_call(
            self.require(object),
            record,
            click,
            default_deskphone=default_deskphone,
            default_call_limit=default_call_limit,
            read_number=read_number,
            member_number=member_number,
        )

    def activity(self, call: Call, *, look_first: bool = False) -> Activity:
        """What the CRM's timeline is to show of a call as it stands now; Refused (`unknown_object`).

        Values that are None and texts that are empty are left out; a field that is one path keeps its type.
        """
        rules = self.require(call.click.object).activity
        record = call.record or Record({})
        words = {
            "record": record.record,
            "owner": record.owner,
            "user": record.user,
            "click": click_words(call.click),
            "call": call_words(call),
        }
        return Activity(
            key=call.id,
            connection=call.connection,
            object=call.click.object,
            record_id=call.click.record_id,
            kind=rules.kind,
            key_field=rules.key_field,
            fields=render_tree(dict(rules.fields), words),
            phase=PHASE[call.state],
            id=call.activity_id,
            look_first=look_first,
            record=call.record,
            call=words["call"],
            click=words["click"],
        )


def _wanted(paths: list[Path]) -> Wanted:
    by_root: dict[str, dict[str, None]] = {"record": {}, "owner": {}, "user": {}}
    for path in paths:
        if path.root in by_root:
            by_root[path.root][".".join(path.steps)] = None
    return Wanted(**{root: tuple(fields) for root, fields in by_root.items()})
