"""Whatever is sent to the running service, it says what is wrong, and rings nobody for it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from counterparts import FakeCallerDesk, TestCrm
from running import Running

GOOD = {"object": "Contact", "id": "1"}


@pytest.fixture(autouse=True)
def _nobody_is_rung(service: Running, desk: FakeCallerDesk) -> Iterator[None]:
    before = len(desk.dials)
    yield
    assert len(desk.dials) == before


@pytest.fixture
def _no_row(service: Running) -> Iterator[None]:
    before = service.rows()
    yield
    assert service.rows() == before


def good(**more: object) -> bytes:
    return json.dumps({**GOOD, **more}).encode()


# -- Who may ask ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_row")
def test_it_names_the_connection_that_does_not_exist(service: Running) -> None:
    told = service.post("/hooks/shopp", GOOD)
    assert (told.status, told.json["code"]) == (404, "unknown_connection")
    assert told.is_problem
    assert "'shopp'" in told.json["detail"]


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    "authorization",
    [
        [],
        ["Bearer wrong"],
        ["Bearer "],
        ["Bearer"],
        [""],
        ["Basic {secret}"],
        ["Token {secret}"],
        ["{secret}"],
        ["Bearer {secret} {secret}"],
        ["Bearer {secret}x"],
        ["Bearer {secret}", "Bearer {secret}"],
        ["Bearer {secret}", "Bearer wrong"],
        ["Bearer wrong", "Bearer {secret}"],
        ["Bearer \xff\xfe"],
    ],
)
def test_it_lets_nobody_in_without_the_one_right_secret(service: Running, authorization: list[str]) -> None:
    secret = service.secrets["CLICK_SECRET"]
    headers = [("Authorization", value.format(secret=secret)) for value in authorization]
    told = service.send("POST", "/hooks/shop", good(), [*headers, ("Content-Type", "application/json")])
    assert (told.status, told.json["code"]) == (401, "signature_invalid")
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    "path", ["/hooks/link", "/hooks/link/wrong", "/hooks/link/{token}x", "/hooks/shop/{token}"]
)
def test_it_takes_a_token_in_the_path_only_where_it_is_agreed(service: Running, path: str) -> None:
    told = service.send("POST", path.format(token=service.secrets["LINK_TOKEN"]), good())
    assert (told.status, told.json["code"]) == (401, "signature_invalid")
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
def test_it_judges_the_sender_before_it_reads_the_body(service: Running) -> None:
    assert service.post("/hooks/shop", b"{broken", secret="wrong").status == 401


# -- What may be sent ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"12",
        b"[" + good() + b"]",
        good()[:-1],
        good() + b"}",
        b"object=Contact&id=1",
        b"<click/>",
        b"\xff\xfe" + good(),
        b'{"object":"Contact","id":"\xff\xfe\xfa"}',
        b'{"object":"Contact","id":"\xed\xa0\x80"}',
        b"\x00" * 64,
        good() + b"\x00",
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'{"object":"Contact","id":' + b"9" * 50_000 + b"}",
    ],
    ids=range(19),
)
def test_it_says_that_a_body_is_broken(service: Running, body: bytes) -> None:
    told = service.post("/hooks/shop", body)
    assert (told.status, told.json["code"]) == (400, "body_broken")
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize("depth", [21, 500, 20_000])
def test_it_does_not_follow_a_body_into_the_deep(service: Running, depth: int) -> None:
    deep = b'{"object":"Contact","id":' + b"[" * depth + b"]" * depth + b"}"
    told = service.post("/hooks/shop", deep)
    assert told.status == 400
    assert told.json["code"] in ("body_too_deep", "body_broken")
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    "content_type",
    ["text/xml", "application/xml", "text/plain", "multipart/form-data; boundary=x", "image/png"],
)
def test_it_names_a_content_type_it_does_not_take(service: Running, content_type: str) -> None:
    told = service.post("/hooks/shop", good(), Content_Type=content_type)
    assert (told.status, told.json["code"]) == (400, "content_type_wrong")
    assert told.is_problem
    assert content_type.partition(";")[0] in told.json["detail"]


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    ("click", "code", "named"),
    [
        ({"id": "1"}, "field_invalid", "'object'"),
        ({"object": "Contact"}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": ""}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": "  "}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": None}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": True}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": 1.5}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": ["1"]}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": {"a": 1}}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": "x" * 201}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": 10**300}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": float("nan")}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": "1\x002"}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": "1\r\nX: y"}, "field_invalid", "'id'"),
        ({"object": "Contact", "id": "\ud800"}, "field_invalid", "'id'"),
        ({**GOOD, "user": "u\x00"}, "field_invalid", "'user'"),
        ({**GOOD, "user": "\udfff"}, "field_invalid", "'user'"),
        ({**GOOD, "user": ["u1"]}, "field_invalid", "'user'"),
        ({**GOOD, "click_id": "\x00"}, "field_invalid", "'click_id'"),
        ({**GOOD, "click_id": "\ud800"}, "field_invalid", "'click_id'"),
        ({**GOOD, "click_id": "x" * 201}, "field_invalid", "'click_id'"),
        ({**GOOD, "source": "cron"}, "field_invalid", "'source'"),
        ({**GOOD, "source": 7}, "field_invalid", "'source'"),
        ({**GOOD, "override": "called_recently"}, "field_invalid", "'override'"),
        ({**GOOD, "override": [1]}, "field_invalid", "'override'"),
        ({**GOOD, "clicked_at": "yesterday"}, "field_invalid", "'clicked_at'"),
        ({**GOOD, "clicked_at": "2026-01-01T00:00:00"}, "field_invalid", "'clicked_at'"),
        ({**GOOD, "clicked_at": 1700000000}, "field_invalid", "'clicked_at'"),
        ({**GOOD, "clicked_at": "0001-01-01T00:00:00+14:00"}, "field_invalid", "'clicked_at'"),
        ({**GOOD, "clicked_at": "9999-12-31T23:59:59-14:00"}, "field_invalid", "'clicked_at'"),
        ({**GOOD, "phone": "1"}, "unknown_field", "'phone'"),
        ({**GOOD, "": 1}, "unknown_field", "''"),
        ({**GOOD, "\ud800\x00": 1}, "unknown_field", "field"),
        ({"object": "Contakt", "id": "1"}, "unknown_object", "'Contakt'; did you mean 'Contact'?"),
        ({"object": "contact", "id": "1"}, "unknown_object", "'contact'"),
        ({"object": "\x00", "id": "1"}, "field_invalid", "'object'"),
        ({"object": "\udc80", "id": "1"}, "field_invalid", "'object'"),
    ],
    ids=str,
)
def test_it_names_the_field_that_is_wrong(service: Running, click: object, code: str, named: str) -> None:
    told = service.post("/hooks/shop", click)
    assert (told.status, told.json["code"]) == (422, code)
    assert told.is_problem
    assert named in told.json["detail"]


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize("size", [256 * 1024 + 1, 5 * 1024 * 1024])
@pytest.mark.parametrize("chunked", [False, True], ids=["at once", "in chunks"])
def test_it_refuses_a_body_larger_than_any_click(service: Running, size: int, chunked: bool) -> None:
    body = good(user="x" * size)
    if not chunked:
        told = service.post("/hooks/shop", body)
    else:
        in_chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part)
            for part in (body[at : at + 65536] for at in range(0, len(body), 65536))
        )
        told = service.post("/hooks/shop", in_chunks + b"0\r\n\r\n", Transfer_Encoding="chunked")
    assert (told.status, told.json["code"]) == (413, "body_too_large")
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
def test_it_looks_at_the_size_before_the_secret(service: Running) -> None:
    assert service.post("/hooks/shop", b"x" * 300_000, secret="wrong").status == 413


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 3\r\n\r\n{}", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 1e2\r\n\r\n{}", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}", 413),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n", 400),
        (b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
    ids=["negative", "two", "float", "endless", "chunk", "coding", "header", "long header", "tls"],
)
def test_it_answers_what_is_hardly_http_in_its_own_form(
    service: Running, request_: bytes, status: int
) -> None:
    told = service.send_raw(request_)
    assert told.status == status
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/", 404, "not_found"),
        ("PUT", "/hooks/shop", 405, "method_not_allowed"),
        ("DELETE", "/hooks/shop", 405, "method_not_allowed"),
        ("GET", "/hooks/shop", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("POST", "/hooks/%00", 404, "unknown_connection"),
        ("POST", "/hooks/%ff%fe", 404, "unknown_connection"),
        ("POST", "/hooks/shop/a/b", 404, "not_found"),
        ("GET", "/calls/none", 401, "call_closed"),
        ("GET", "/calls/%00?key=%ff", 401, "call_closed"),
        ("GET", "/calls/none?key=ffffffffffffffffffff.0", 401, "call_closed"),
    ],
)
def test_it_answers_every_address_in_its_own_form(
    service: Running, method: str, path: str, status: int, code: str
) -> None:
    bearer = ("Authorization", f"Bearer {service.secrets['CLICK_SECRET']}")
    told = service.send(method, path, headers=[bearer])
    assert (told.status, told.json["code"]) == (status, code)
    assert told.is_problem


@pytest.mark.usefixtures("_no_row")
def test_a_sender_that_goes_away_in_the_middle_has_not_clicked(service: Running, crm: TestCrm) -> None:
    crm.put("1", "98765 00001")
    secret = service.secrets["CLICK_SECRET"].encode()
    head = b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret
    with socket.create_connection(("127.0.0.1", service.port)) as wire:
        wire.sendall(head + b"\r\nContent-Length: 100\r\n\r\n" + good())
        wire.shutdown(socket.SHUT_WR)
        assert wire.recv(1) == b""


def test_it_answers_others_while_a_sender_dawdles(service: Running) -> None:
    slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(100)]
    try:
        for wire in slow:
            wire.sendall(b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert service.send("GET", "/readyz", timeout=2).status == 200
    finally:
        for wire in slow:
            wire.close()


# -- What the CRM says ---------------------------------------------------------------------------------------


def test_it_says_that_the_crm_has_no_such_record(service: Running, crm: TestCrm) -> None:
    told = service.click("no-such-contact")
    assert (told.status, told.json["code"]) == (422, "record_not_found")
    assert told.is_problem
    assert "Contact no-such-contact" in told.json["detail"]
    assert "Nobody was rung." in told.json["detail"]


@pytest.mark.parametrize("path", ["../users/u1", "..%2fusers%2fu1", "1?x=y", "1#x", "ä/ö", "//evil.example"])
def test_a_record_id_cannot_lead_the_read_elsewhere(service: Running, path: str) -> None:
    told = service.click(path)
    # The sandbox redirects what begins with slashes, and redirects are not followed.
    assert told.json["code"] == ("crm_redirected" if path.startswith("//") else "record_not_found")
    assert told.is_problem


def test_it_says_when_the_crm_hangs(service: Running, crm: TestCrm) -> None:
    crm.put("hanging", "98765 00001")
    with crm.holds.hold("read asked"):
        told = service.click("hanging")
    assert (told.status, told.json["code"]) == (504, "crm_timeout")
    assert told.is_problem
    assert "Nobody was rung." in told.json["detail"]


@pytest.mark.parametrize("status", [500, 503, 404, 302, 401, 403, 429])
def test_it_says_when_the_crm_fails(service: Running, crm: TestCrm, status: int) -> None:
    crm.put("failing", "98765 00001")
    crm.outage = status
    try:
        told = service.click("failing")
    finally:
        crm.outage = None
    assert told.status in (422, 502)
    assert told.is_problem
    assert "Nobody was rung." in told.json["detail"]


def test_it_says_when_the_crm_cannot_be_reached(tmp_path: Path, desk: FakeCallerDesk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    running = Running(tmp_path, crm=f"http://127.0.0.1:{port}", callerdesk=desk.base_url).start()
    try:
        told = running.click("1")
        assert (told.status, told.json["code"]) == (502, "crm_unreachable")
        assert told.is_problem
        assert "Nobody was rung." in told.json["detail"]
        assert running.rows() == {"failed": 1}
        by_rule = running.click("2", source="rule")
        assert by_rule.status == 200
    finally:
        running.stop()
