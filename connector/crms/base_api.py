"""One JSON API as most adapters use it: credentials sent, and renewed once; odd answers told apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from marshmallow import ValidationError, fields, validate

from connector.crms.base import Account, ConnectionSchema
from connector.crms.base_login import Login
from connector.errors import ConnectorError, Gone, Refused, TryAgain
from connector.http import TIMEOUT, Outgoing, Reply, checked_base_url, meaning_of
from connector.model import Activity

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: Reads a refusal the vendor's own way; None leaves it to the common table of statuses.
Explain = Callable[[Reply, str], ConnectorError | None]


def check_base_url(url: str) -> None:
    """ValidationError unless it is an address requests may go to."""
    try:
        checked_base_url(url)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class ApiSchema(ConnectionSchema):
    """Settings of every connection that speaks to one JSON API."""

    base_url = fields.Str(required=True, validate=check_base_url)
    #: Seconds between two bytes of an answer.
    timeout = fields.Float(load_default=TIMEOUT[1], validate=validate.Range(min=0.1, max=60))


def secret_text() -> fields.Str:
    """A setting that must be there and not be empty."""
    return fields.Str(required=True, validate=validate.Length(min=1))


class JsonApi:
    """Requests to one vendor's API for any number of threads.

    `who` is the vendor's name in sentences. Credentials are fixed `headers`, or a `login` whose token goes
    into `Authorization` behind `scheme`; a refused token is renewed once. `unit` is one Retry-After unit in
    seconds.
    """

    def __init__(
        self,
        who: str,
        account: Account,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        login: Login | None = None,
        scheme: str = "Bearer",
        unit: float = 1.0,
        explain: Explain | None = None,
        expired: Callable[[Reply], bool] = lambda reply: reply.status == 401,
    ) -> None:
        self.who = who
        self._headers, self._login, self._scheme = dict(headers or {}), login, scheme
        self._unit, self._explain, self._expired = unit, explain, expired
        settings = account.settings
        self._out = Outgoing(
            who,
            base_url or settings["base_url"],
            timeout=(TIMEOUT[0], settings.get("timeout", TIMEOUT[1])),
            named=account.named,
        )

    def __repr__(self) -> str:
        return f"JsonApi({self.who!r})"

    def ask(
        self,
        method: str,
        path: str,
        about: str = "",
        *,
        json: Any = None,
        data: Mapping[str, Any] | bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request and return its decoded JSON, None for an empty answer.

        `about` names the record or activity for sentences. Raises what `explain` or the status says:
        AdminNeeded, Gone, TryAgain (`crm_not_json` for anything else than JSON).
        """
        given = {"json": json, "data": data, "params": params}
        token = self._login.token() if self._login else None
        reply = self._out.send(method, path, headers=self._with(headers, token), **given)
        if self._login and self._expired(reply):
            renewed = self._login.renewed(token)
            reply = self._out.send(method, path, headers=self._with(headers, renewed), **given)
        problem = self._problem(reply, about)
        if problem:
            raise problem
        try:
            return reply.json()
        except ValueError:
            on = f" ({about})" if about else ""
            raise TryAgain(
                "crm_not_json", f"{self.who} answered {reply.status} with something that is not JSON{on}."
            ) from None

    def object(self, method: str, path: str, about: str = "", **kwargs: Any) -> dict[str, Any]:
        """`ask`, where the answer is one JSON object; TryAgain (`crm_answer_odd`) when it is none."""
        return self.as_object(self.ask(method, path, about, **kwargs), about)

    def rows(self, method: str, path: str, about: str = "", *, at: str = "", **kwargs: Any) -> list[Any]:
        """`ask`, where the answer is a list of objects, or has one under the key `at`."""
        found = self.ask(method, path, about, **kwargs)
        return self.as_rows(self.as_object(found, about).get(at) if at else found, about)

    def as_object(self, value: Any, about: str) -> dict[str, Any]:
        """The value, if it is an object; TryAgain (`crm_answer_odd`) when it is not, as from a proxy."""
        if isinstance(value, dict):
            return value
        raise self._odd("no object", about)

    def as_rows(self, value: Any, about: str) -> list[Any]:
        """The value, if it is a list of objects; TryAgain (`crm_answer_odd`) when it is not."""
        if isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return value
        raise self._odd("no list of records", about)

    def id_in(
        self, answer: Any, about: str, key: str = "id", *, like: re.Pattern[str] = re.compile(r"(?s).+")
    ) -> str:
        """The id of what was made; Refused (`id_missing`) when there is none, or none like theirs.

        That is final, not to be tried again: the activity is made, and another try might make a second.
        """
        found = answer.get(key) if isinstance(answer, dict) else None
        if isinstance(found, str | int) and not isinstance(found, bool) and like.fullmatch(str(found)):
            return str(found)
        raise Refused("id_missing", f"{self.who} answered the new activity ({about}) without an id.")

    def _with(self, headers: Mapping[str, str] | None, token: str | None) -> dict[str, str]:
        authorised = {"Authorization": f"{self._scheme} {token}"} if token else {}
        return {**self._headers, **authorised, **(headers or {})}

    def _problem(self, reply: Reply, about: str) -> ConnectorError | None:
        told = self._explain(reply, about) if self._explain else None
        return told or meaning_of(reply, self.who, about, unit=self._unit)

    def _odd(self, what: str, about: str) -> TryAgain:
        on = f" ({about})" if about else ""
        return TryAgain("crm_answer_odd", f"{self.who} answered with something that is {what}{on}.")


def about_activity(activity: Activity) -> str:
    """How sentences name an activity: its record, and our id of the call."""
    return f"{activity.object} {activity.record_id}, call {activity.key}"


def given(activity: Activity) -> dict[str, Any]:
    """The mapping's fields without the empty ones: what is not known is not sent."""
    return {name: value for name, value in activity.fields.items() if value is not None}


def on_clock(value: Any, zone: tzinfo) -> Any:
    """A moment as `call.…` words write it, as `2026-01-31 14:35:00` in a zone; anything else as it is.

    For a CRM that keeps times without a zone.
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return value
    return datetime.fromisoformat(value).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def known(record: Mapping[str, Any], wanted: Iterable[str], who: str, about: str) -> None:
    """Refused (`unknown_field`) naming the first wanted field that the CRM did not answer with."""
    for path in wanted:
        if path.partition(".")[0] not in record:
            raise Refused(
                "unknown_field",
                f"{who} has no field {path.partition('.')[0]!r} on {about}: correct its name in the mapping.",
            )


def only_one(rows: Iterable[Mapping[str, Any]], sought: str, *keys: str) -> Mapping[str, Any] | None:
    """The row with this text under one of `keys` (`email` if none is given), capitals ignored.

    None for no row and for several: nobody is guessed.
    """
    sought = sought.strip().casefold()
    same = [row for row in rows if any(_reads(row.get(key), sought) for key in keys or ("email",))]
    return same[0] if len(same) == 1 and sought else None


def _reads(value: Any, sought: str) -> bool:
    return isinstance(value, str) and value.strip().casefold() == sought


#: The ids of most: a number from 1 on, no longer than a database counts.
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def checked_id(value: str, pattern: re.Pattern[str], who: str, about: str) -> str:
    """The id, if it looks like one of theirs and may stand in a path; Gone when it does not."""
    if pattern.fullmatch(value):
        return value
    raise Gone("record_not_found", f"{who} has no {about}: its ids do not look like that.")
