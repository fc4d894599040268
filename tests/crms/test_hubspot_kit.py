"""The kit for HubSpot: well-formed, and what it sends is what the connector takes and answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hubspot_stand_in import hook, hubspot

from connector.crms.hubspot_action import NOT_CALLED, outputs
from connector.crms.hubspot_objects import KINDS
from connector.model import Ending, Outcome, Source

KIT = Path(__file__).parents[2] / "kits" / "hubspot"
APP = KIT / "src" / "app"
CARD = (APP / "cards" / "CallCard.jsx").read_text(encoding="utf-8")
NODE = shutil.which("node")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(KIT.rglob("*.json")), ids=lambda path: path.name)
def test_every_file_is_well_formed(path: Path) -> None:
    assert isinstance(read(path), dict)


def test_the_card_stands_where_its_description_says() -> None:
    card = read(APP / "cards" / "call-card-hsmeta.json")["config"]
    assert (KIT / "src" / card["entrypoint"].lstrip("/")).is_file()
    assert set(card["objectTypes"]) <= {kind.path for kind in KINDS}


def test_the_app_may_fetch_from_the_address_that_the_card_asks() -> None:
    asked = re.search(r'HOOK = "(https://[^/"]+)/hooks/hubspot"', CARD)
    assert asked and asked[1] in read(APP / "app-hsmeta.json")["config"]["permittedUrls"]["fetch"]


@pytest.mark.skipif(NODE is None, reason="no node here to run the card's own lines")
def test_the_cards_press_is_taken_and_every_press_has_an_id_of_its_own() -> None:
    own = CARD[CARD.index("const newPress") : CARD.index("const CallCard")]
    script = (
        own
        + 'const crm = {objectTypeId: "0-1", objectId: 501};'
        + "console.log(JSON.stringify([bodyOf(crm, newPress()), bodyOf(crm, newPress())]));"
    )
    assert NODE is not None
    ran = subprocess.run([NODE, "-e", script], capture_output=True, text=True, timeout=30, check=True)
    bodies = json.loads(ran.stdout)
    clicks = [hubspot().parse(hook(body, userEmail="ravi@example.test"))[0] for body in bodies]
    assert [(click.object, click.record_id, click.source) for click in clicks] == [
        ("Contact", "501", Source.BUTTON)
    ] * 2
    assert clicks[0].delivery != clicks[1].delivery


def test_the_workflows_customised_body_is_taken() -> None:
    (click,) = hubspot().parse(hook(read(KIT / "webhook-body.json")))
    assert (click.object, click.record_id, click.source) == ("Contact", "501", Source.RULE)
    assert click.delivery


def test_the_action_names_every_output_that_a_call_gives() -> None:
    action = read(KIT / "workflow-action.json")
    named = {field["typeDefinition"]["name"] for field in action["outputFields"]}
    ending = Ending(Outcome.ANSWERED, talk_seconds=35, recording_url="https://connector.example.com/r/1")
    given = outputs("c1", "paused", "Paused.", None) | outputs("c1", "", "", ending)
    assert set(given) - {"hs_execution_state"} == named
    assert set(action["labels"]["en"]["outputFieldLabels"]) == named


def test_the_action_is_for_objects_that_the_connector_knows() -> None:
    assert set(read(KIT / "workflow-action.json")["objectTypes"]) <= {kind.name.upper() for kind in KINDS}


def test_the_readme_lists_the_outcomes_that_a_workflow_may_branch_by() -> None:
    page = (KIT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{word}`" in page for word in [*Outcome, NOT_CALLED])
