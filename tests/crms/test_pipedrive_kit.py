"""The files in kits/pipedrive: well-formed, and speaking what the adapter takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contract_pipedrive import CONTRACT

from connector.crms.base import Hook
from connector.model import Source

KIT = Path(__file__).parents[2] / "kits" / "pipedrive"


def kit(name: str) -> Any:
    return json.loads((KIT / name).read_text("utf-8"))


def test_the_modal_has_just_the_blocks_that_the_connector_fills() -> None:
    wire = CONTRACT.make().opened(Hook("GET", b"", "", {}, CONTRACT.hook.fields, CONTRACT.hook.claims))
    assert wire is not None
    filled = json.loads(wire.body)["data"]["blocks"]
    drawn = kit("modal.json")["properties"]["blocks"]["properties"]
    assert drawn.keys() == filled.keys()
    assert drawn["click_id"]["options"]["visibleOn"] == "never"
    assert all(block.keys() <= drawn[name]["options"].keys() for name, block in filled.items())


def test_the_modal_has_one_button_that_presses() -> None:
    actions = kit("modal.json")["properties"]["actions"]["properties"]
    assert [action["options"]["handler"] for action in actions.values()] == ["cancel", "request"]


@pytest.mark.parametrize("number", [9, "9"])
def test_the_automations_body_is_a_click(number: Any) -> None:
    template = kit("automation.json")
    sent = json.dumps({**template, "id": number}).encode()
    crm = CONTRACT.make()
    (click,) = crm.parse(Hook("POST", sent, "application/json", {}, {}))
    assert (click.object, click.record_id, click.source) == ("deal", "9", Source.BUTTON)
    form = Hook(
        "POST", b"object=deal&id=9", "application/x-www-form-urlencoded", {}, {"object": "deal", "id": "9"}
    )
    assert crm.parse(form)[0].record_id == "9"


def test_the_webhook_is_of_version_2_with_user_and_password() -> None:
    made = kit("webhook.json")
    assert made["version"] == "2.0" and made["http_auth_user"] and made["http_auth_password"]
    assert made["subscription_url"].endswith("/hooks/pipedrive-rules")
