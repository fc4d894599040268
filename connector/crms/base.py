"""What every CRM adapter answers to, and what all of them share.

An adapter is one small module: its vendor's documentation URL, constants, then verbs. It knows their
field names, bodies and ids; it never sees the journal, CallerDesk or Flask.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema

from connector import redact
from connector.addresses import Network
from connector.crms.base_tokens import ProcessTokens, Tokens
from connector.errors import BadRequest, Gone
from connector.model import Activity, Call, Click, Ending, Phase, Record, Source, Wanted

#: Deeper JSON than this is nobody's click.
MAX_DEPTH = 20
FORM = "application/x-www-form-urlencoded"
_JSON_TYPE = re.compile(r"(application|text)/([a-z0-9.-]+\+)?json")
#: No id or name holds these; a database may not take them, and a log must not.
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")


@dataclass(frozen=True, slots=True)
class Hook:
    """One inbound request as it arrived: raw bytes first, nothing parsed, headers lower-cased."""

    method: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]
    #: Query (GET) or form (urlencoded POST) fields, last value wins; {} otherwise.
    fields: Mapping[str, str]
    #: What a signed token vouches for; {} where the scheme has none.
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def media_type(self) -> str:
        """The content type in small letters, without its parameters; empty where there is none."""
        return self.content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one click led to, for `Crm.answer` to put into the words its CRM wants."""

    call_id: str | None
    state: str
    message: str
    url: str | None = None
    code: str | None = None
    repeat: bool = False
    status: int = 200
    #: How the call ended, where it has: a repeat may come that late.
    ending: Ending | None = None
    #: The delivery the call was made for: that of a repeat may be another.
    delivery: str | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """A ready answer: status, content type, body."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check --live`: a thing looked at by name, and whether it will do."""

    what: str
    ok: bool
    advice: str = ""


class ConnectionSchema(Schema):
    """Settings an adapter adds to a connection of the manifest; unknown keys are errors."""

    class Meta:
        unknown = RAISE


@dataclass(frozen=True, slots=True)
class Account:
    """One connection as its adapter sees it: name, checked settings, the mapping's request templates."""

    name: str
    #: Result of loading the adapter's own `settings_schema`.
    settings: Mapping[str, Any]
    #: The connection's `clicks` section (secrets excluded).
    clicks: Mapping[str, Any] = field(default_factory=dict)
    #: `requests:` of the mapping file, for adapters that are driven by it (`rest`).
    requests: Mapping[str, Any] = field(default_factory=dict)
    #: Private networks the CRM may be in; every connection is made within these and what is public.
    named: tuple[Network, ...] = ()
    #: Where access tokens are kept, so that all processes use the same.
    tokens: Tokens = field(default_factory=ProcessTokens, repr=False)


class Crm(ABC):
    """One CRM account. Instances are shared between threads."""

    #: What the manifest and the mapping file call it.
    name: ClassVar[str]
    #: Settings of its own in the connection, all but `crm, mapping, clicks, policy`.
    settings_schema: ClassVar[type[ConnectionSchema]] = ConnectionSchema
    #: Names in `settings_schema` that are secrets: never shown, registered with the redaction.
    secrets: ClassVar[frozenset[str]] = frozenset()
    #: Who is taken to have asked when neither the body nor the manifest says.
    default_source: ClassVar[Source] = Source.BUTTON
    #: Whether it has `opened` pages of its own, whatever its clicks are authenticated by.
    draws: ClassVar[bool] = False
    #: Phases in which a call may be shown first; a CRM that takes no change of it is told when it is over.
    shows: ClassVar[frozenset[Phase]] = frozenset(Phase)

    def __init__(self, account: Account) -> None:
        self.account = account
        for name in self.secrets:
            secret = account.settings.get(name)
            redact.register_secret(secret if isinstance(secret, str) else None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.account.name!r})"

    # -- Subclass implementation ---------------------------------------------------------------------------

    @abstractmethod
    def read(self, click: Click, wanted: Wanted) -> Record:
        """Return the record, its owner and the acting user with at least the wanted fields.

        A field the CRM knows but holds no value for is None; one it does not know raises Refused
        (`unknown_field`, naming it). Raises Gone, TryAgain, AdminNeeded.
        """

    @abstractmethod
    def create(self, activity: Activity) -> str:
        """Make the activity on the record and return its id."""

    @abstractmethod
    def update(self, activity: Activity) -> None:
        """Make the activity `activity.id` equal to `activity.fields`; Gone when it was deleted there."""

    def find(self, activity: Activity) -> str | None:
        """Return the id of the activity an earlier, unheard create made, or None.

        Called before every create but the first. A CRM without a way to search returns None.
        """
        return None

    def parse(self, hook: Hook) -> list[Click]:
        """Turn a verified request in the CRM's own format into clicks; ours unless overridden.

        Raises BadRequest (400 `body_broken`, `content_type_wrong`; 422 `unknown_field`, `field_invalid`).
        """
        return [parse_click(fields_of(hook), self.account, self.default_source)]

    def answer(self, answers: Sequence[Answer], clicks: Sequence[Click]) -> Wire | None:
        """The CRM's own form of a 2xx for these clicks; None for ours (JSON)."""
        return None

    def opened(self, hook: Hook) -> Wire | None:
        """What a verified GET of the hook shows before anybody presses; None for our own confirm page.

        It never rings: opening a link is no click.
        """
        return None

    def same_change(self, click: Click, record: Record) -> Click | None:
        """The click this CRM sends just before `click` when one change touches two records; None mostly.

        Where that one came, its call is for both and `click` rings nobody.
        """
        return None

    def conclude(self, call: Call) -> None:
        """Tell the CRM how the call of an `awaited` click came out, also when nobody was rung.

        Done at least once, after the last write of the activity: being told again must do no harm. Raises
        TryAgain, AdminNeeded.
        """
        raise NotImplementedError  # an adapter whose clicks are `awaited` says how

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Ask the CRM whether credentials, objects and fields (by object) will do; one finding each."""
        return []

    # -- For the flow (subclasses should not need to override) ---------------------------------------------

    def write(self, activity: Activity) -> str | None:
        """Make the CRM show the activity, whatever an earlier try did, and return its id.

        None while there is nothing to show (`shows`). Writing the same activity any number of times leaves
        one activity, as far as the CRM can be searched.
        """
        if activity.id is None and activity.phase not in self.shows:
            return None
        if activity.id is None and activity.look_first:
            activity = replace(activity, id=self.find(activity))
        if activity.id is not None:
            try:
                self.update(activity)
                return activity.id
            except Gone:
                activity = replace(activity, id=None)
        return self.create(activity)


def fields_of(hook: Hook) -> Mapping[str, Any]:
    """The keys of a JSON object, or of the confirm page's form; BadRequest (400) for anything else.

    A body without a content type is taken for JSON: Frappe's webhooks name none.
    """
    kind = hook.media_type
    if kind == FORM and not hook.body.lstrip().startswith(b"{"):
        return {key: value for key, value in hook.fields.items() if value.strip()}
    if kind and not _JSON_TYPE.fullmatch(kind):
        raise BadRequest(
            "content_type_wrong",
            f"The body is labelled {kind[:60]}: send one JSON object, labelled application/json.",
        )
    body = parse_json(hook.body)
    if not isinstance(body, dict):
        raise BadRequest("body_broken", "The body must be one JSON object.")
    return body


def parse_json(body: bytes) -> Any:
    """Decode a JSON body (UTF-8); BadRequest when broken or nested too deep."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise BadRequest("body_broken", "The body is not valid JSON. Send one JSON object.") from None
    if _depth(value) > MAX_DEPTH:
        raise BadRequest("body_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.")
    return value


def _depth(value: Any, level: int = 1) -> int:
    if level > MAX_DEPTH or not isinstance(value, dict | list):
        return level
    items = value.values() if isinstance(value, dict) else value
    return max((_depth(item, level + 1) for item in items), default=level)


#: Our own click format: each key with the sentence that tells what it takes.
CLICK_KEYS = {
    "object": "the CRM object's name as the mapping file calls it, a text",
    "id": "the record's id, a text or a whole number",
    "user": "the id, e-mail or login of the person who clicked",
    "click_id": "an id of this click; the same id again is the same click",
    "source": "`button` or `rule`",
    "override": "a list of guard codes a person chose to override",
    "clicked_at": "when it was clicked, ISO 8601 with a zone",
}


def parse_click(fields: Mapping[str, Any], account: Account, default_source: Source) -> Click:
    """Read one click in our own format (`CLICK_KEYS`); BadRequest 422 naming the key that is wrong."""
    unknown = sorted(set(fields) - set(CLICK_KEYS))
    if unknown:
        raise BadRequest(
            "unknown_field",
            f"The click has a field {unknown[0]!r} we do not know; it takes {', '.join(CLICK_KEYS)}.",
            status=422,
        )
    source = _text(fields, "source") or account.clicks.get("source") or default_source
    if source not in list(Source):
        raise _bad("source")
    override = fields.get("override") or []
    if not isinstance(override, list) or not all(isinstance(code, str) for code in override):
        raise _bad("override")
    return Click(
        connection=account.name,
        object=_text(fields, "object", needed=True) or "",
        record_id=_text(fields, "id", needed=True) or "",
        source=Source(source),
        user=_text(fields, "user"),
        delivery=_text(fields, "click_id"),
        clicked_at=_moment(fields.get("clicked_at")),
        override=frozenset(override),
        raw={key: value for key, value in fields.items() if key != "override"},
    )


def _text(fields: Mapping[str, Any], key: str, *, needed: bool = False) -> str | None:
    value = fields.get(key)
    if value is None and not needed:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _bad(key)
    text = str(value).strip()
    if len(text) > 200 or (needed and not text) or _ODD.search(text):
        raise _bad(key)
    return text or None


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise _bad("clicked_at")
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _bad("clicked_at") from None


def _bad(key: str) -> BadRequest:
    return BadRequest("field_invalid", f"The click's {key!r} must be {CLICK_KEYS[key]}.", status=422)
