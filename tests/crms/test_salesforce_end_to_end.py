"""From a click in Salesforce to the finished Task: Outbound Messages, the Call action, the plain link.

The org is a small stand-in that speaks HTTP, CallerDesk the sandbox; everything between them is real.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from salesforce_org import Wired, wired
from salesforce_stand_in import USER_18, recorded

from connector.model import State

#: Owners who are members at the sandbox CallerDesk.
RAVI, DIVYA = "+91 98765 00101", "+91 98765 00102"
ASHA, BINA = "0035g00000ABcDeAAL", "0035g00000ABcDfAAL"
DOCUMENTED_ACK = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)
SOAP = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Wired]:
    with wired(tmp_path) as everything:
        yield everything


def contacts(running: Wired, *, owners: tuple[str, str] = (RAVI, DIVYA)) -> None:
    running.org.add_contact(ASHA, "+91 98765 00001", owners[0])
    running.org.add_contact(BINA, "098765 00002", owners[1])


def notify(running: Wired, name: str = "outbound_two.xml") -> requests.Response:
    return requests.post(running.rules, data=recorded(name), headers=SOAP, timeout=10)


def press(running: Wired, record_id: str = ASHA, **more: str) -> requests.Response:
    """What `CallerDeskCall.cls` sends for its Call action."""
    click = {
        "object": "Contact",
        "id": record_id,
        "click_id": "f6c9b1f2",
        "source": "button",
        "user": USER_18,
    }
    headers = {"Authorization": f"Bearer {running.environ['SF_CLICK_SECRET']}"}
    return requests.post(
        f"{running.url}/hooks/salesforce", json={**click, **more}, headers=headers, timeout=15
    )


def rung(running: Wired) -> list[str]:
    return sorted(dial.customer for dial in running.callerdesk.dials)


def finished(running: Wired, record_id: str) -> Any:
    """The record's only Task as last written, once it is completed."""
    bodies = running.org.wait_for(
        lambda: next(
            (
                bodies
                for key in running.org.about(record_id)
                if (bodies := running.org.tasks[key])[-1]["Status"] == "Completed"
            ),
            None,
        )
    )
    assert len(running.org.about(record_id)) == 1
    return bodies


# -- Outbound Messages ---------------------------------------------------------------------------------------


def test_two_notifications_are_two_calls_two_finished_tasks_and_one_ack(running: Wired) -> None:
    contacts(running)
    answer = notify(running)
    assert (answer.status_code, answer.content) == (200, DOCUMENTED_ACK)
    assert answer.headers["Content-Type"].startswith("text/xml")
    running.until_states([State.ENDED, State.ENDED])
    assert rung(running) == ["9876500001", "9876500002"]
    for record_id in (ASHA, BINA):
        assert finished(running, record_id)[-1]["CallDisposition"] == "Answered"


def test_the_same_message_again_is_acknowledged_and_rings_nobody(running: Wired) -> None:
    contacts(running)
    notify(running)
    running.until_states([State.ENDED, State.ENDED])
    for _ in range(3):
        again = notify(running)
        assert (again.status_code, again.content) == (200, DOCUMENTED_ACK)
    assert running.states() == [State.ENDED, State.ENDED]
    assert len(rung(running)) == 2


def test_two_contacts_of_one_owner_are_rung_one_after_the_other(running: Wired) -> None:
    contacts(running, owners=(RAVI, RAVI))
    assert notify(running).content == DOCUMENTED_ACK
    running.until_states([State.ENDED, State.ENDED])
    first, second = running.callerdesk.dials
    assert {first.customer, second.customer} == {"9876500001", "9876500002"}
    assert running.callerdesk.account.calls[0].ended is not None
    assert second.at > running.callerdesk.account.calls[0].ended


def test_a_hundred_notifications_are_acknowledged_in_time_and_rung_once_each(running: Wired) -> None:
    for number in range(1, 101):
        owner = f"9876502{number:03d}"
        running.callerdesk.add_member(f"Member {number}", f"m{number}@example.test", owner)
        running.org.add_contact(f"0035g0000000{number:03d}", f"98765 {number:03d}01", owner)
    begin = time.perf_counter()
    answer = notify(running, "outbound_batch_100.xml")
    took = time.perf_counter() - begin
    print(f"\na message of 100 notifications was acknowledged in {took * 1000:.0f} ms")
    assert (answer.status_code, answer.content) == (200, DOCUMENTED_ACK)
    assert took < 2
    running.until_states([State.ENDED] * 100, timeout=60)
    assert rung(running) == sorted(f"98765{number:03d}01" for number in range(1, 101))


@pytest.mark.parametrize("body", ["outbound_wrong_org.xml", "outbound_two_organisations.xml"])
def test_another_organisation_gets_no_ack_and_rings_nobody(running: Wired, body: str) -> None:
    contacts(running)
    answer = notify(running, body)
    assert answer.status_code in (400, 401)
    assert b"Ack" not in answer.content
    assert (running.states(), rung(running)) == ([], [])


def test_a_wrong_organisation_is_told_401(running: Wired) -> None:
    answer = notify(running, "outbound_wrong_org.xml")
    assert (answer.status_code, answer.json()["code"]) == (401, "organization_unknown")


# -- The Call action -----------------------------------------------------------------------------------------


def test_a_press_is_answered_with_the_sentence_and_the_task_is_there_at_once(running: Wired) -> None:
    running.callerdesk.speed = 1
    contacts(running)
    answer = press(running)
    assert answer.status_code == 200
    assert answer.json()["message"] == "Ringing the customer …0001 first, then you on …0101."
    (task,) = running.org.wait_for(lambda: running.org.about(ASHA))
    (made, *_) = running.org.tasks[task]
    assert (made["Status"], made["WhoId"], made["OwnerId"]) == ("In Progress", ASHA, "0055g00000AbCdEAAV")
    assert (made["TaskSubtype"], made["CallType"]) == ("Call", "Outbound")
    assert not running.callerdesk.wait_until_over(0)
    done = finished(running, ASHA)[-1]
    assert done["CallDisposition"] == "Answered"
    assert done["CallDurationInSeconds"] >= 1
    assert re.search(r"Recording: http://127\.0\.0\.1:\d+/recordings/\d+\.wav", done["Description"])
    assert "TaskSubtype" not in done


def test_a_second_press_rings_nobody_and_tells_the_first_call(running: Wired) -> None:
    contacts(running)
    first, second = press(running).json(), press(running).json()
    assert (second["call"], second["repeat"]) == (first["call"], True)
    assert len(rung(running)) == 1


def test_a_press_for_somebody_who_asked_not_to_be_called_is_refused_in_words(running: Wired) -> None:
    contacts(running)
    running.org.contacts[ASHA]["DoNotCall"] = True
    answer = press(running)
    assert (answer.status_code, answer.json()["code"]) == (403, "refused_by_rule")
    assert answer.json()["detail"].endswith("asked not to be called.")
    assert rung(running) == []


# -- The plain link ------------------------------------------------------------------------------------------


def test_opening_the_link_rings_nobody_and_its_button_rings_once(running: Wired) -> None:
    contacts(running)
    page = requests.get(running.rules, params={"object": "Contact", "id": ASHA, "user": USER_18}, timeout=10)
    assert page.status_code == 200
    assert f"Call Contact {ASHA}?" in page.text
    assert (running.states(), rung(running)) == ([], [])
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert form.keys() == {"object", "id", "user", "click_id", "source"}
    for _ in range(2):
        sent = requests.post(
            running.rules, data=form, headers={"Accept": "text/html"}, allow_redirects=False, timeout=15
        )
        assert sent.status_code == 303
    page_of_call = urljoin(running.rules, sent.headers["Location"])
    shown = requests.get(page_of_call, headers={"Accept": "text/html"}, timeout=10)
    assert shown.status_code == 200
    running.until_states([State.ENDED])
    assert rung(running) == ["9876500001"]


# -- When things break ---------------------------------------------------------------------------------------


def test_a_task_whose_answer_was_lost_is_not_made_twice(running: Wired) -> None:
    contacts(running)
    running.org.lose = 2
    assert press(running).status_code == 200
    assert finished(running, ASHA)[-1]["CallDisposition"] == "Answered"
    assert len(running.org.tasks) == 1
    assert running.org.lose == 0
    assert len(rung(running)) == 1


def test_a_token_that_ran_out_is_renewed_once_and_the_call_goes_on(running: Wired) -> None:
    contacts(running)
    press(running)
    running.until_states([State.ENDED])
    finished(running, ASHA)
    running.org.token = "00D!nobody-has-this-one"
    assert press(running, BINA, click_id="0a1b2c3d").status_code == 200
    finished(running, BINA)
    assert running.org.logins == 2
    assert len([status for *_, status in running.org.requests if status == 401]) == 1
    assert len(rung(running)) == 2
