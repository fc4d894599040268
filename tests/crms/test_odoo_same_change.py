"""A lead and its contact take over each other's phone, so that one change is told of both."""

from __future__ import annotations

from typing import Any

import pytest

from connector.crms.base import Account
from connector.crms.odoo import Odoo
from connector.crms.odoo_read import Reader
from connector.model import Click, Record, Source, Wanted

LEAD = Click("crm", "crm.lead", "1", Source.RULE, delivery="rule crm.lead 1 2026-11-23T05:03:18.368209")


class Asked:
    """Answers nothing and notes which fields were asked for."""

    early = False

    def __init__(self) -> None:
        self.specification: dict[str, Any] = {}

    def call(self, model: str, method: str, *, about: str = "", ids: Any = (), **arguments: Any) -> Any:
        self.specification = arguments["specification"]
        return [{"id": 1}]

    def user(self) -> int:
        return 7


def odoo() -> Odoo:
    settings = {"base_url": "http://127.0.0.1:9", "database": "lab", "api_key": "made-up-key"}
    return Odoo(Account("crm", Odoo.settings_schema().load(settings)), Asked())


@pytest.mark.parametrize("contact", [9, {"id": 9, "phone": "98765 00001"}])
def test_a_leads_change_is_also_told_of_its_contact(contact: Any) -> None:
    told = odoo().same_change(LEAD, Record({"partner_id": contact}))
    assert told == Click("crm", "res.partner", "9", Source.RULE)


@pytest.mark.parametrize(
    ("click", "record"),
    [
        (LEAD, {"partner_id": None}),
        (Click("crm", "crm.lead", "1", Source.BUTTON), {"partner_id": 9}),
        (Click("crm", "res.partner", "9", Source.RULE), {}),
        (Click("crm", "sale.order", "1", Source.RULE), {"partner_id": 9}),
    ],
    ids=["a lead without contact", "a person's press", "a contact", "another model"],
)
def test_every_other_click_stands_alone(click: Click, record: dict[str, Any]) -> None:
    assert odoo().same_change(click, Record(record)) is None


@pytest.mark.parametrize(
    ("paths", "asked"), [(["phone"], {}), (["partner_id.email"], {"fields": {"email": {}}})]
)
def test_a_leads_contact_is_read_with_it(paths: list[str], asked: dict[str, Any]) -> None:
    transport = Asked()
    Reader(transport).read(LEAD, Wanted(record=paths))
    assert transport.specification["partner_id"] == asked
