"""The web application over a real house, with the sandbox's CallerDesk and CRM at its far ends."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from connector import settings
from connector.assembly import House, build
from connector.dispatcher import Dispatcher
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.crm import SandboxCrm
from connector.sandbox.stage import MAPPING
from connector.web import create_app

BEARER, TOKEN, HUBSPOT = "bearer-secret-0123456789", "token-secret-0123456789abc", "hubspot-secret-0123456789"
WEBHOOK = "webhook-token-0123456789"
_CONNECTION = """\
  {name}:
    crm: rest
    mapping: "{mapping}"
    base_url: "{crm}"
    auth: {{bearer: crm-key-0123456789}}
    clicks: {{auth: {auth}, secrets: [{secret}], wait: 8}}
"""
_MANIFEST = """\
name: web-test
{public}
callerdesk:
  base_url: "{callerdesk}"
  authcode: authcode-0123456789
  deskphone: "{deskphone}"
  webhook_token: {webhook}
policy:
  quiet_hours: off
  workflow_dialling: "They asked to be rung back."
  recall_gap: 0
  member_busy: ignore
connections:
"""


class WebHouse:
    """One connector without a listening socket: `post` and `get` go straight into the application."""

    def __init__(self, folder: Path, public_url: str = "", more: str = "") -> None:
        self.callerdesk = SandboxCallerDesk(authcode="authcode-0123456789", speed=100).start()
        self.crm = SandboxCrm(api_key="crm-key-0123456789").start()
        text = _MANIFEST.format(
            public=(f'public_url: "{public_url}"\n' if public_url else "") + more,
            callerdesk=self.callerdesk.base_url,
            deskphone=self.callerdesk.deskphones[0],
            webhook=WEBHOOK,
        )
        for name, auth, secret in (
            ("shop", "bearer", BEARER),
            ("form", "token", TOKEN),
            ("hub", "hubspot-v3", HUBSPOT),
        ):
            text += _CONNECTION.format(
                name=name, auth=auth, secret=secret, mapping=MAPPING, crm=self.crm.base_url
            )
        (folder / "manifest.yaml").write_text(text)
        self.house: House = build(settings.load(folder / "manifest.yaml", {}))
        self.house.journal.open()
        self.dispatcher = Dispatcher(self.house.flow)
        self.dispatcher.start()
        self.app = create_app(self.house, self.dispatcher)

    @property
    def web(self) -> FlaskClient:
        return self.app.test_client()

    def close(self) -> None:
        self.dispatcher.stop()
        self.crm.stop()
        self.callerdesk.stop()
        self.house.close()

    def click(self, record_id: str = "1", **changes: Any) -> TestResponse:
        """A press in our own format, each with an id of its own."""
        body = {"object": "Contact", "id": record_id, "click_id": secrets.token_hex(8), **changes}
        kept = {key: value for key, value in body.items() if value is not None}
        return self.web.post(
            "/hooks/shop", data=json.dumps(kept), headers={"Authorization": f"Bearer {BEARER}"},
            content_type="application/json",
        )  # fmt: skip
