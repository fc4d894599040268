"""HubSpot: clicks from app cards, workflows and app webhooks; calls on the record's timeline.

Vendor's documentation: https://developers.hubspot.com/docs/api-reference/crm-calls-v3/guide
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from marshmallow import RAISE, Schema, fields, validate

from connector.crms import hubspot_action, hubspot_calls, hubspot_check
from connector.crms.base import Account, Answer, ConnectionSchema, Crm, Finding, Hook, Wire
from connector.crms.base_api import JsonApi, check_base_url
from connector.crms.base_oauth import TokenOrAppSchema, login_of, refresh_grant
from connector.crms.hubspot_click import parse_hubspot_clicks
from connector.crms.hubspot_objects import kind_of
from connector.crms.hubspot_read import OWNER, Reader
from connector.crms.hubspot_said import explain
from connector.errors import ConnectorError
from connector.http import Reply
from connector.model import Activity, Call, Click, Record, Source, Wanted

API = "https://api.hubapi.com"
_EVENT = r"^[A-Za-z0-9_-]+\.(creation|propertyChange|restore)$"
_DURATION = r"^P(?=.)(\d+W|(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?)$"


class EventSchema(Schema):
    """One kind of an app's events that rings."""

    class Meta:
        unknown = RAISE

    type = fields.Str(required=True, validate=validate.Regexp(_EVENT))
    property = fields.Str(validate=validate.Length(min=1))
    value = fields.Str()


class HubSpotSchema(TokenOrAppSchema):
    """Settings of a HubSpot connection."""

    fixed = "access_token"
    base_url = fields.Str(load_default=API, validate=check_base_url)
    #: Of a private app, or of an app with static authentication.
    access_token = fields.Str(validate=validate.Length(min=1))
    #: The one HubSpot account (Hub ID) that clicks may come from.
    portal_id = fields.Integer(load_default=None)
    #: The app in whose name calls are logged, for HubSpot's recording player.
    app_id = fields.Integer(load_default=None)
    #: How long a workflow's action waits for its call at the most, ISO 8601.
    action_wait = fields.Str(load_default="P2D", validate=validate.Regexp(_DURATION))
    #: Which events of an app's webhooks ring; all others are answered and left.
    events = fields.List(fields.Nested(EventSchema), load_default=[])


class HubSpot(Crm):
    """One HubSpot account, seen through one app."""

    name: ClassVar[str] = "hubspot"
    settings_schema: ClassVar[type[ConnectionSchema]] = HubSpotSchema
    secrets: ClassVar[frozenset[str]] = frozenset({"access_token", "client_secret", "refresh_token"})
    #: Whoever wants to be a person's button says so; the kit's card does.
    default_source: ClassVar[Source] = Source.RULE

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        settings = account.settings
        login = None
        if not settings.get("access_token"):
            grant = refresh_grant(account, settings["base_url"], "oauth/v1/token")
            login = login_of("HubSpot", account, grant)
        fixed = {} if login else {"Authorization": f"Bearer {settings['access_token']}"}
        self._api = JsonApi("HubSpot", account, headers=fixed, login=login, explain=explain)
        self._actions = JsonApi("HubSpot", account, headers=fixed, login=login, explain=_explain_action)
        self._reader = Reader(self._api)

    def parse(self, hook: Hook) -> list[Click]:
        """Read what HubSpot sends (see `hubspot_click`), or our own JSON; none for events nobody named."""
        return parse_hubspot_clicks(hook, self.account)

    def answer(self, answers: Sequence[Answer], clicks: Sequence[Click]) -> Wire | None:
        """A workflow's action is told to wait, or what became of its call; our JSON for anything else."""
        if len(clicks) == 1 and clicks[0].awaited:
            wait = self.account.settings["action_wait"]
            return hubspot_action.answered(answers[0], clicks[0].delivery, wait)
        return None

    def conclude(self, call: Call) -> None:
        """Complete the workflow's action that waits for this call."""
        callback = call.click.raw.get("callback_id")
        if callback:
            hubspot_action.complete(self._actions, call, callback)

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Read the record; its one contact, its owner, the owner's user and who clicked where a path asks."""
        record = self._reader.record(kind_of(click.object), click.record_id, wanted.record)
        owner = self._reader.owner(record[OWNER], wanted.owner)
        return Record(record, owner, self._reader.user(click.user, wanted.user))

    def create(self, activity: Activity) -> str:
        """Make the call on the record's timeline."""
        return hubspot_calls.create(self._api, activity, self.account.settings["app_id"])

    def update(self, activity: Activity) -> None:
        """Change it; Gone when it was deleted."""
        hubspot_calls.update(self._api, activity, self.account.settings["app_id"])

    def find(self, activity: Activity) -> str | None:
        """Search the calls for our key."""
        return hubspot_calls.find(self._api, activity)

    def check_live(self, wanted: Mapping[str, Wanted]) -> list[Finding]:
        """Look at the token, its scopes, each object, each property by name."""
        return hubspot_check.findings(self._api, wanted)


def _explain_action(reply: Reply, about: str) -> ConnectorError | None:
    return hubspot_action.explain(reply, about) or explain(reply, about)
