"""Tokens: got, shared, renewed once and never in a circle; over a real server where it matters."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import jwt
import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from marshmallow import ValidationError
from salesforce_stand_in import (
    CALL,
    KEY,
    SECRET,
    TASK_18,
    TOKEN,
    activity,
    click,
    listening,
    recorded,
    salesforce,
)

from connector.crms.salesforce import Salesforce, SalesforceSettings
from connector.errors import AdminNeeded, TryAgain
from connector.model import Wanted

WANTED = Wanted(record=("Name", "MobilePhone"), owner=("MobilePhone",))
KEY_PAIR = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY_PAIR.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class Org:
    """An org whose first token dies when told to; counts what it was asked."""

    def __init__(self, *, never: bool = False, html: bool = False) -> None:
        self.good = b"ONE"
        self.never = never
        self.refusal = recorded("error_401.html" if html else "error_invalid_session.json")
        self.logins = 0
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, bytes]:
        with self.lock:
            if path == "/services/oauth2/token":
                self.logins += 1
                self.bodies.append(body)
                return 200, recorded("token.json" if self.good == b"ONE" else "token_again.json")
            self.asked.append(f"{method} {unquote_plus(path)}")
            if self.never or not headers["authorization"].endswith(self.good.decode()):
                return 401, self.refusal
            if method == "PATCH":
                return 201, recorded("upsert_created.json")
            return 200, recorded("query_contact.json")


def test_it_reads_and_writes_over_real_sockets_and_renews_a_dead_token_once() -> None:
    org = Org()
    with listening(org) as url:
        crm = salesforce(domain=None, base_url=url)
        assert crm.read(click(), WANTED).owner["MobilePhone"] == "+91 98765 00002"
        org.good = b"TWO"
        assert crm.create(activity()) == TASK_18
        assert crm.read(click(), WANTED).record["Name"] == "Asha Example"
    assert org.logins == 2
    upsert = f"PATCH /services/data/v62.0/sobjects/Task/CallerDesk_Call__c/{CALL}"
    assert org.asked[1:3] == [upsert, upsert]
    assert [asked.partition(" ")[0] for asked in org.asked] == ["GET", "PATCH", "PATCH", "GET"]


@pytest.mark.parametrize("html", [False, True])
def test_a_circle_of_401s_ends_after_one_renewal(html: bool) -> None:
    org = Org(never=True, html=html)
    with listening(org) as url:
        crm = salesforce(domain=None, base_url=url)
        for _ in range(2):
            with pytest.raises(AdminNeeded) as caught:
                crm.read(click(), WANTED)
    assert caught.value.code == "crm_unauthorised"
    assert len(org.asked) == 4
    assert org.logins == 3


def test_threads_refused_together_share_one_new_login() -> None:
    org = Org()
    with listening(org) as url:
        crm = salesforce(domain=None, base_url=url)
        crm.read(click(), WANTED)
        org.good = b"TWO"
        start = threading.Barrier(8)
        read: list[Any] = []

        def one() -> None:
            start.wait()
            read.append(crm.read(click(), WANTED).record["Name"])

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert read == ["Asha Example"] * 8
    assert org.logins == 2


def test_threads_that_begin_together_share_the_first_login() -> None:
    org = Org()
    with listening(org) as url:
        crm = salesforce(domain=None, base_url=url)
        start = threading.Barrier(8)

        def one() -> None:
            start.wait()
            crm.read(click(), WANTED)

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (org.logins, len(org.asked)) == (1, 8)


def test_no_secret_reaches_a_log_on_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    org = Org(never=True)
    with listening(org) as url:
        try:
            salesforce(domain=None, base_url=url).read(click(), WANTED)
        except AdminNeeded:
            logging.getLogger("test").exception("failed")
    assert "Traceback" in caplog.text
    for secret in ("CANARY", SECRET, KEY, "SELECT", "Bearer", "Basic "):
        assert secret not in caplog.text


def test_it_signs_an_assertion_with_the_private_key() -> None:
    org = Org()
    with listening(org) as url:
        crm = salesforce(
            base_url=url, consumer_secret=None, username="connector@example.test", private_key=PEM
        )
        crm.read(click(), WANTED)
    form = parse_qs(org.bodies[0])
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = jwt.decode(
        form["assertion"][0],
        KEY_PAIR.public_key(),
        algorithms=["RS256"],
        audience="https://login.salesforce.com",
    )
    assert (claims["iss"], claims["sub"]) == (KEY, "connector@example.test")
    assert isinstance(claims["exp"], int)


def test_it_reads_the_private_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    org = Org()
    with listening(org) as url:
        given = {"username": "connector@example.test", "private_key_file": str(file)}
        salesforce(base_url=url, consumer_secret=None, **given).read(click(), WANTED)
    assert "assertion" in parse_qs(org.bodies[0])


@pytest.mark.parametrize(
    ("settings", "audience"),
    [
        ({"domain": "acme.my"}, "https://login.salesforce.com"),
        ({"domain": "acme--uat.sandbox.my"}, "https://test.salesforce.com"),
        ({"domain": "acme.my", "audience": "https://acme.example"}, "https://acme.example"),
    ],
)
def test_it_addresses_the_assertion_to_the_right_login_host(settings: dict[str, str], audience: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as org:
        token = org.post(
            f"https://{settings['domain']}.salesforce.com/services/oauth2/token",
            body=recorded("token_no_user.json"),
            status=400,
        )
        crm = salesforce(consumer_secret=None, username="c@example.test", private_key=PEM, **settings)
        with pytest.raises(AdminNeeded):
            crm.read(click(), WANTED)
        form = parse_qs(str(token.calls[0].request.body))
    assert jwt.decode(form["assertion"][0], options={"verify_signature": False})["aud"] == audience


@pytest.mark.parametrize(
    "given",
    [{"private_key": "-----BEGIN NONSENSE-----"}, {"private_key_file": "/nowhere/at/all.pem"}],
)
def test_it_says_that_the_private_key_cannot_be_read(given: dict[str, str]) -> None:
    crm = salesforce(consumer_secret=None, username="c@example.test", **given)
    with pytest.raises(AdminNeeded) as caught:
        crm.read(click(), WANTED)
    assert caught.value.code == "crm_key_unreadable"
    assert "nowhere" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "says"),
    [
        (400, "token_invalid_client.json", AdminNeeded, "crm_unauthorised", "invalid_client"),
        (400, "token_invalid_grant.json", AdminNeeded, "crm_unauthorised", "hasn't approved"),
        (400, "token_no_user.json", AdminNeeded, "crm_unauthorised", "no client credentials user"),
        (503, "token_outage.html", TryAgain, "crm_login_failed", "503"),
        (200, "token_outage.html", AdminNeeded, "crm_unauthorised", "200"),
        (302, "token_outage.html", AdminNeeded, "crm_redirected", "My Domain"),
        (400, "error_request_limit.json", AdminNeeded, "crm_unauthorised", "400"),
    ],
)
def test_it_tells_a_wrong_secret_from_an_outage(
    status: int, body: str, kind: type[Exception], code: str, says: str
) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as org:
        org.post(TOKEN, body=recorded(body), status=status, headers={"location": "https://x.example/"})
        with pytest.raises(kind) as caught:
            salesforce().read(click(), WANTED)
    assert getattr(caught.value, "code", "") == code
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("error", ["rate_limit_exceeded", "server_error", "temporarily_unavailable"])
def test_it_tries_a_login_again_later_when_the_error_passes_by_itself(error: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as org:
        org.post(TOKEN, json={"error": error}, status=400)
        with pytest.raises(TryAgain):
            salesforce().read(click(), WANTED)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"domain": "login"}, "domain"),
        ({"domain": "test"}, "domain"),
        ({"domain": "https://acme.my"}, "domain"),
        ({"domain": "acme.my.salesforce.com"}, "domain"),
        ({"domain": None}, "domain"),
        ({"base_url": "http://acme.example"}, "base_url"),
        ({"api_version": "v62"}, "api_version"),
        ({"consumer_secret": None}, "consumer_secret"),
        ({"private_key": PEM, "username": "c@example.test"}, "consumer_secret"),
        (
            {"consumer_secret": None, "private_key": PEM, "private_key_file": "k", "username": "c"},
            "consumer_secret",
        ),
        ({"consumer_secret": None, "private_key": PEM}, "username"),
        ({"consumer_key": None}, "consumer_key"),
        ({"password": "no"}, "password"),
    ],
)
def test_it_refuses_settings_that_cannot_work_and_names_them(settings: dict[str, Any], wrong: str) -> None:
    given = {"domain": "acme.my", "consumer_key": KEY, "consumer_secret": SECRET, **settings}
    with pytest.raises(ValidationError) as caught:
        SalesforceSettings().load({name: value for name, value in given.items() if value is not None})
    assert set(caught.value.normalized_messages()) == {wrong}


def test_its_secrets_are_settings_it_has() -> None:
    assert set(SalesforceSettings().fields) >= Salesforce.secrets
