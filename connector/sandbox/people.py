"""The people of the sandbox: made-up contacts and CRM users with made-up numbers.

The last two digits of a contact's number tell the sandbox CallerDesk how the call goes (01 answered, 11 no
answer, 12 busy, 13 the member does not answer, 14 the member is busy, 16 and 17 no proper reply).
"""

from __future__ import annotations

from typing import Any

_USERS: tuple[dict[str, Any], ...] = (
    {"id": "u1", "name": "Ravi Rao", "phone": "+91 98765 00101", "email": "ravi@example.test"},
    {"id": "u2", "name": "Divya Pillai", "phone": "098765 00102", "email": "divya@example.test"},
    # No number in the CRM: CallerDesk's member with this address has one, ending 0103.
    {"id": "u3", "name": "Karan Mehta", "phone": None, "email": "karan@example.test"},
)

USERS: dict[str, dict[str, Any]] = {user["id"]: user for user in _USERS}


def _contact(
    number: int, name: str, company: str, mobile: str | None, owner: str | None, note: str, **more: Any
) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": name,
        "company": company,
        "mobile": mobile,
        "phone": None,
        "email": f"{name.split()[0].lower()}@example.test",
        "do_not_call": False,
        "owner": USERS[owner] if owner else None,
        #: For people who try the sandbox: what a call to this contact shows.
        "note": note,
        **more,
    }


CONTACTS: dict[str, dict[str, Any]] = {
    contact["id"]: contact
    for contact in (
        _contact(1, "Asha Menon", "Kaveri Textiles", "98765 00001", "u1", "answers and talks"),
        _contact(2, "Vikram Shah", "Shah Motors", "+91 98765 00011", "u1", "does not answer"),
        _contact(3, "Neha Kulkarni", "Sahyadri Foods", "09876500012", "u2", "is busy"),
        _contact(4, "Imran Sheikh", "Deccan Tools", "98765-00013", "u2", "answers, but the member does not"),
        _contact(5, "Priya Nair", "Malabar Spices", "98765 00014", "u1", "answers, but the member is busy"),
        _contact(6, "Arjun Das", "Hooghly Paper", "98765 00016", "u2", "CallerDesk takes too long to reply"),
        _contact(
            7, "Kavya Reddy", "Charminar Glass", "98765 00017", "u1", "CallerDesk breaks the connection"
        ),
        _contact(
            8, "Meera Iyer", "Nilgiri Tea", "98765 00002", "u1", "asked not to be called", do_not_call=True
        ),
        _contact(9, "Rohan Gupta", "Yamuna Steel", None, "u2", "has no number"),
        _contact(10, "Sunita Joshi", "Aravalli Stone", "98765 00003", "u3", "her owner has no number here"),
        _contact(
            11, "Dev Patel", "Sabarmati Salt", None, "u1", "has only an office number", phone="098765 00005"
        ),
        _contact(12, "Leela Thomas", "Periyar Rubber", "98765 00004", None, "has no owner"),
    )
}
