"""Any CRM with a JSON API: the requests come from the mapping file's `requests:`.

No vendor, so no vendor's documentation: `docs/rest.md` says what the templates take. Nothing is guessed: what
the API answers is the record as it stands, so one inside `{"data": …}` is read as `record.data.…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from connector.crms.base import Account, ConnectionSchema, Crm, Finding
from connector.crms.base_api import about_activity
from connector.crms.base_read import first_parts
from connector.crms.rest_settings import UNITS, RestSchema, authorise
from connector.errors import AdminNeeded, ConnectorError, Gone, Refused
from connector.http import TIMEOUT, Outgoing, meaning_of
from connector.model import Activity, Click, Record, Wanted

#: What templates may read: `click.…`, `record.…`, `owner.…`, `user.…`, `activity.…`, `call.…`.
Words = Mapping[str, Any]
#: Method, path under `base_url` with its words percent-encoded, query fields, JSON body.
Rendered = tuple[str, str, Mapping[str, str] | None, Any]


class Template(Protocol):
    """One compiled request of `requests:`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Fixed headers."""

    @property
    def id(self) -> str | None:
        """Dotted path to the activity's id in the answer (`data.0.id`); `id` when the file names none."""

    def find_id(self, answer: Any) -> str | None:
        """The activity's id in a decoded answer; None where there is none."""

    def render(self, words: Words) -> Rendered:
        """Fill in the words; create and update carry all the activity's fields unless the file has `json`.

        Raises Refused (`request_incomplete`) when a word the path needs is empty.
        """


class Inside(Protocol):
    """A path at which the record that was read already holds its owner or user (`record.owner`)."""

    @property
    def text(self) -> str:
        """The path as the file writes it."""

    def render(self, words: Words) -> Any:
        """What stands there, or None."""


class Rest(Crm):
    """One account of a CRM without an adapter of its own."""

    name: ClassVar[str] = "rest"
    settings_schema: ClassVar[type[ConnectionSchema]] = RestSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"auth"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        settings = account.settings
        self._templates: Mapping[str, Any] = account.requests
        self._unit = UNITS[settings["retry_after_unit"]]
        self._out = Outgoing(
            account.name,
            settings["base_url"],
            authorise=authorise(settings["auth"]),
            timeout=(TIMEOUT[0], settings["timeout"]),
            named=account.named,
        )

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record, then its owner and the acting user where the mapping wants and asks for them.

        APIs leave out what is empty, so an absent field counts as None; only a record with none of the wanted
        fields raises Refused (`unknown_field`): then the read most likely answers something else.
        """
        about = f"{click.object} {click.record_id}"
        words: dict[str, Any] = {"click": click}
        record = words["record"] = self._object("read", words, about)
        names = first_parts(wanted.record)
        if names and not any(name in record for name in names):
            raise Refused(
                "unknown_field",
                f"{self.account.name} answered {about} without any of {', '.join(names)}:"
                " check `requests.read` and the names in the mapping.",
            )
        owner = words["owner"] = self._person("owner", words, about) if wanted.owner else {}
        user = self._person("user", words, about) if wanted.user else {}
        return Record(record=record, owner=owner, user=user)

    def create(self, activity: Activity) -> str:
        """Post the activity, with its key as `Idempotency-Key`, and return the id from the answer.

        Raises Refused (`id_missing`) when there is none where the template says.
        """
        about = about_activity(activity)
        answer = self._ask("create", _words(activity), about, {"Idempotency-Key": activity.key})
        found = self._templates["create"].find_id(answer)
        if found is None:
            # Final, not to be tried again: the activity is made, and another try might make a second.
            raise Refused(
                "id_missing",
                f"{self.account.name} answered the new activity ({about}) without an id at"
                f" `{self._templates['create'].id or 'id'}`: say in `requests.create.id` where it stands.",
            )
        return str(found)

    def update(self, activity: Activity) -> None:
        """Send the activity's fields to the activity; Gone when it answers 404 or 410."""
        self._ask("update", _words(activity), about_activity(activity))

    def find(self, activity: Activity) -> str | None:
        """Ask `requests.find`, when the mapping has it, for the id of the activity with our key."""
        if "find" not in self._templates:
            return None
        try:
            answer = self._ask("find", _words(activity), about_activity(activity))
        except Gone:
            return None
        found: str | None = self._templates["find"].find_id(answer)
        return found

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Ask the base URL itself: any answer proves the address, 401 or 403 means wrong credentials."""
        try:
            reply = self._out.send("GET", "")
        except ConnectorError as error:
            return [Finding("address", False, error.message)]
        if 300 <= reply.status < 400 or reply.status >= 500:
            problem = meaning_of(reply, self.account.name)
            return [Finding("address", False, problem.message if problem else "")]
        accepted = reply.status not in (401, 403)
        advice = "" if accepted else f"It answered {reply.status}: check `auth`."
        return [Finding("address", True), Finding("credentials", accepted, advice)]

    def _person(self, name: str, words: Words, about: str) -> Mapping[str, Any]:
        """Owner or user, out of the record or by a request of its own; {} when the record has none."""
        where = self._templates.get(name)
        if where is None:
            return {}
        if not hasattr(where, "headers"):  # a path, no request
            found = where.render(words)
            if found is not None and not isinstance(found, Mapping):
                raise AdminNeeded(
                    "mapping_wrong", f"`requests.{name}` reads {where.text}, which is no object in {about}."
                )
            return found or {}
        try:
            return self._object(name, words, f"{name} of {about}")
        except Gone:
            return {}
        except Refused as refusal:
            if refusal.code != "request_incomplete":
                raise
            return {}  # the record names nobody

    def _object(self, name: str, words: Words, about: str) -> Mapping[str, Any]:
        found = self._ask(name, words, about)
        if not isinstance(found, Mapping):
            raise AdminNeeded(
                "crm_answer_odd", f"{self.account.name} answered `requests.{name}` ({about}) with no object."
            )
        return found

    def _ask(self, name: str, words: Words, about: str, headers: Mapping[str, str] | None = None) -> Any:
        """Send the named request and return its decoded answer."""
        template: Template = self._templates[name]
        method, path, params, json = template.render(words)
        sent = {**template.headers, **(headers or {})}
        return self._out.fetch(
            method, path, params=params, json=json, headers=sent, about=about, unit=self._unit
        )


def _words(activity: Activity) -> Words:
    record = activity.record or Record({})
    return {
        "activity": activity,
        "call": activity.call,
        "click": activity.click,
        "record": record.record,
        "owner": record.owner,
        "user": record.user,
    }
