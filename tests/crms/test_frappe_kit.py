"""The files in kits/frappe: well-formed, and speaking what the adapter takes."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2.sandbox import SandboxedEnvironment
from test_frappe import CHANGED, frappe, hook

from connector.model import Source

KIT = Path(__file__).parents[2] / "kits" / "frappe"
SAVED = {
    "doctype": "CRM Lead",
    "name": "CRM-LEAD-2026-00001",
    "modified": CHANGED,
    "modified_by": "ravi@example.test",
}


def rendered(**changes: Any) -> bytes:
    """The body a webhook with our template sends: Frappe parses what it rendered, and writes it anew."""
    template = SandboxedEnvironment().from_string((KIT / "webhook.json.jinja").read_text("utf-8"))
    return json.dumps(json.loads(template.render(doc=SimpleNamespace(**{**SAVED, **changes})))).encode()


def test_the_webhooks_template_is_taken_as_a_rules_click() -> None:
    (click,) = frappe().parse(hook(rendered()))
    assert (click.object, click.record_id) == ("CRM Lead", "CRM-LEAD-2026-00001")
    assert (click.source, click.user) == (Source.RULE, "ravi@example.test")
    assert click.delivery == f"CRM Lead CRM-LEAD-2026-00001 {CHANGED}"


def test_its_every_try_for_one_change_has_one_delivery_and_the_next_change_another() -> None:
    first, again, later = (
        frappe().parse(hook(body))[0].delivery
        for body in (rendered(), rendered(), rendered(modified="2026-11-23 14:35:11.000001"))
    )
    assert first == again != later


def test_a_name_with_quotes_does_not_break_the_template() -> None:
    name = 'Asha "the first" & <Sons>\\'
    (click,) = frappe().parse(hook(rendered(name=name, modified_by=None)))
    assert (click.record_id, click.user) == (name, None)


def run(script: str, **given: Any) -> dict[str, Any]:
    """The server script with a stand-in for what Frappe hands it; its answer and what it posted."""
    sent: dict[str, Any] = {}
    checked: list[str] = []

    def post(url: str, headers: dict[str, str], data: str) -> Any:
        sent.update(url=url, headers=headers, body=data)
        if isinstance(given["answer"], Exception):
            raise given["answer"]
        return given["answer"]

    asked = {"object": "CRM Lead", "id": "CRM-LEAD-2026-00001", "click_id": "17-abc"}
    site = SimpleNamespace(
        form_dict=asked,
        session=SimpleNamespace(user="ravi@example.test"),
        get_doc=lambda *names: SimpleNamespace(check_permission=checked.append),
        make_post_request=post,
        response={},
    )
    exec(compile(script, "server_script", "exec"), {"frappe": site, "json": json})
    return {"told": site.response["message"], "sent": sent, "checked": checked}


@pytest.fixture
def script() -> str:
    return (KIT / "server_script.py").read_text("utf-8")


def test_the_server_script_posts_a_click_of_the_person_who_pressed(script: str) -> None:
    done = run(
        script, answer={"message": "Ringing the customer …0001 first.", "url": "https://x.example/calls/1"}
    )
    (click,) = frappe().parse(hook(done["sent"]["body"].encode(), "application/json"))
    assert (click.object, click.record_id, click.user) == (
        "CRM Lead",
        "CRM-LEAD-2026-00001",
        "ravi@example.test",
    )
    assert (click.source, click.delivery) == (Source.BUTTON, "17-abc")
    assert done["checked"] == ["read"]
    assert done["sent"]["headers"]["token"] == "put the value of FRAPPE_BUTTON_SECRET here"
    assert done["told"]["ok"] is True and done["told"]["message"].startswith("Ringing")


def test_the_server_script_hands_on_why_nobody_is_rung(script: str) -> None:
    refusal = RuntimeError("409")
    refusal.response = SimpleNamespace(json=lambda: {"detail": "Asha was called a moment ago."})  # type: ignore[attr-defined]
    assert run(script, answer=refusal)["told"] == {"ok": False, "message": "Asha was called a moment ago."}
    lost = run(script, answer=ConnectionError("no line"))["told"]
    assert lost["ok"] is False and "before you press again" in lost["message"]


def test_the_secret_stands_only_under_names_that_frappes_error_log_hides(script: str) -> None:
    """A refusal is an error there, logged with every variable but those named like a secret or a token."""
    assert '"token": secret' in script
    assert {line.partition(" = ")[0] for line in script.splitlines() if "secret" in line.lower()} == {
        "# What holds the secret is named so that Frappe's Error Log hides it: do not rename it.",
        "secret",
        '        headers={"token": secret, "Content-Type": "application/json"},',
    }


def test_the_server_script_does_without_what_frappe_forbids(script: str) -> None:
    """Restricted Python: no import, no name or attribute that begins with an underscore."""
    for node in ast.walk(ast.parse(script)):
        assert not isinstance(node, ast.Import | ast.ImportFrom)
        named = getattr(node, "attr", None) or getattr(node, "id", "")
        assert not str(named).startswith("_")


PRESS = {
    "form_script.js": """
const told = [];
const asked = [];
const call = async (method, args) => { asked.push([method, args]); return { ok: true, message: "Ringing" }; };
const toast = { success: (text) => told.push(text), error: (text) => told.push("no: " + text) };
const made = setupForm({ doc: { doctype: "CRM Lead", name: "CRM-LEAD-2026-00001" }, call, toast });
made.actions[0].onClick().then(() => console.log(JSON.stringify({ asked, told })));
""",
    "client_script.js": """
const told = [];
const asked = [];
let refresh, press;
const frappe = {
  ui: { form: { on: (doctype, events) => { refresh = events.refresh; } } },
  utils: { get_random: () => "random" },
  call: ({ method, args, callback }) => {
    asked.push([method, args]);
    callback({ message: { ok: true, message: "Ringing" } });
  },
  show_alert: ({ message }) => told.push(message),
};
const __ = (text) => text;
KIT
refresh({ is_new: () => false, doctype: "CRM Lead", doc: { name: "CRM-LEAD-2026-00001" },
          add_custom_button: (label, action) => { press = action; } });
press();
console.log(JSON.stringify({ asked, told }));
""",
}


@pytest.mark.parametrize("name", sorted(PRESS))
@pytest.mark.skipif(
    not shutil.which("node"), reason="there is no node on this machine to run the kit's scripts"
)
def test_the_buttons_scripts_ask_the_server_script_and_show_its_sentence(name: str, tmp_path: Path) -> None:
    source, press = (KIT / name).read_text("utf-8"), PRESS[name]
    (tmp_path / "run.js").write_text(press.replace("KIT", source) if "KIT" in press else source + press)
    done = subprocess.run(["node", str(tmp_path / "run.js")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    ((method, args),) = shown["asked"]
    assert method == "callerdesk_call" and shown["told"] == ["Ringing"]
    assert (args["object"], args["id"]) == ("CRM Lead", "CRM-LEAD-2026-00001") and args["click_id"]
