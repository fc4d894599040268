"""The whole stage for a demo or a test: sandbox CallerDesk, sandbox CRM and the real connector between them.

Everything speaks HTTP over loopback; the connector is the one that `serve` runs and cannot tell.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
from pathlib import Path

from waitress.server import create_server

from connector import settings
from connector.assembly import House, build
from connector.dispatcher import Dispatcher
from connector.sandbox.callerdesk import SandboxCallerDesk
from connector.sandbox.crm import SandboxCrm
from connector.server import listen
from connector.web import create_app

MAPPING = Path(__file__).with_name("rest.yaml")

_MANIFEST = """\
name: sandbox
database_url: sqlite:///sandbox.db
public_url: "{url}"
recordings: {{hosts: ["{recordings}"]}}
callerdesk:
  base_url: "{callerdesk}"
  authcode: "${{AUTHCODE}}"
  deskphone: "{deskphone}"
  webhook_token: "${{WEBHOOK_TOKEN}}"
connections:
  shop:
    crm: rest
    mapping: "{mapping}"
    base_url: "{crm}"
    auth: {{bearer: "${{CRM_KEY}}"}}
    clicks: {{auth: bearer, secrets: ["${{CLICK_SECRET}}"]}}
policy:
  quiet_hours: off
  workflow_dialling: "The sandbox rings made-up numbers only."
"""


class Stage:
    """Three servers on loopback and a database in a folder of their own, gone at the end."""

    def __init__(self, *, speed: float = 1.0, port: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="connector-sandbox-")
        environ = {
            name: secrets.token_urlsafe(24)
            for name in ("AUTHCODE", "WEBHOOK_TOKEN", "CRM_KEY", "CLICK_SECRET")
        }
        self.callerdesk = SandboxCallerDesk(authcode=environ["AUTHCODE"], speed=speed)
        self.crm = SandboxCrm(hook_secret=environ["CLICK_SECRET"], api_key=environ["CRM_KEY"], port=port)
        self._environ = environ
        self._listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Stage:
        self.callerdesk.start()
        self.crm.start()
        self.crm.hook_url = f"{self.url}/hooks/shop"
        webhook = f"{self.url}/callerdesk/{self._environ['WEBHOOK_TOKEN']}"
        self.callerdesk.webhook_url = self.callerdesk.live_webhook_url = webhook
        manifest = Path(self._folder.name) / "manifest.yaml"
        manifest.write_text(
            _MANIFEST.format(
                url=self.url,
                recordings=self.callerdesk.host,
                callerdesk=self.callerdesk.base_url,
                crm=self.crm.base_url,
                deskphone=self.callerdesk.deskphones[0],
                mapping=MAPPING,
            ),
            encoding="utf-8",
        )
        self.house: House = build(settings.load(manifest, self._environ))
        self.house.journal.open()
        self.dispatcher = Dispatcher(self.house.flow)
        self.dispatcher.start()
        self._server = create_server(
            create_app(self.house, self.dispatcher), sockets=[self._listening], threads=16, ident=None
        )
        threading.Thread(target=self._server.run, name="connector", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.close()
        self.dispatcher.stop()
        self.crm.stop()
        self.callerdesk.stop()
        self.house.close()
        self._folder.cleanup()
