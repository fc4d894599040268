"""The dial against a real socket: one GET, whatever comes back, and the right one of four verdicts."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import pickle
import socket
import ssl
import threading
import traceback
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from callerdesk_wire import Wire, answers, closes, resets, says
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.addresses import networks
from connector.callerdesk import (
    BadParameter,
    CallerDesk,
    MemberInactive,
    WrongDeskphone,
    WrongKey,
)
from connector.callerdesk.once import MAX_ANSWER
from connector.errors import ConnectorError, NotPlaced, Refused, Unclear

KEY = "Kx9+sample/key=77"
CUSTOMER, MEMBER, DESKPHONE = "+919876500001", "+919876500002", "08060000001"
SUCCESS = '{"type":"success","message":"Call to Customer Initiate Successfully..","campid":45710001}'


def client(wire: Wire, timeout: tuple[float, float] = (5.0, 5.0)) -> CallerDesk:
    return CallerDesk(KEY, wire.url, timeout=timeout)


def dial(wire: Wire, **kwargs):
    return client(wire, **kwargs).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)


def failure(wire: Wire, **kwargs) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        dial(wire, **kwargs)
    return caught.value


def test_it_sends_the_documented_parameters_and_nothing_else():
    with Wire(answers(SUCCESS)) as wire:
        client(wire).reverse_c2c(
            CUSTOMER, "9876500002", DESKPHONE, call_limit=60, campid="9995", form_deskphone="01200000002"
        )
    head, _, _ = wire.requests[0].partition("\r\n\r\n")
    method, target, _ = head.split("\r\n")[0].split(" ")
    assert method == "GET"
    assert urlsplit(target).path == "/api/click_to_call_v3"
    assert parse_qs(urlsplit(target).query) == {
        "calling_party_a": ["9876500001"],
        "calling_party_b": ["9876500002"],
        "deskphone": ["08060000001"],
        "call_from_did": ["1"],
        "CallLimit": ["60"],
        "authcode": [KEY],
    }
    assert "connection: close" in head.lower()
    assert "application/x-www-form-urlencoded" in head


def test_it_sends_campid_and_form_deskphone_in_the_body_only_when_given():
    seen = []

    def answer(connection: socket.socket) -> None:
        seen.append(connection)
        answers(SUCCESS)(connection)

    with Wire(answer) as wire:
        dial(wire)
    head = wire.requests[0].lower()
    assert "content-length" not in head
    assert "calllimit" not in head
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.get("https://app.callerdesk.io/api/click_to_call_v3", body=SUCCESS)
        CallerDesk(KEY).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE, campid="9995", form_deskphone="01200000002")
        assert mock.calls[0].request.body == "campid=9995&deskphone=01200000002"


def test_it_dials_on_a_white_labels_own_base_url_and_endpoint():
    with Wire(answers(SUCCESS)) as wire:
        CallerDesk(KEY, wire.url.replace("/api/", "/api_v3"), "sub/click_to_call_v9").reverse_c2c(
            CUSTOMER, MEMBER, DESKPHONE
        )
    assert wire.requests[0].startswith("GET /api_v3/sub/click_to_call_v9?")


# -- accepted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(SUCCESS),
        answers(SUCCESS, content_type="application/json"),
        answers(SUCCESS, status="500 Internal Server Error"),
        answers(SUCCESS, status="503 Service Unavailable", extra="Retry-After: 0\r\n"),
        answers(b"\xef\xbb\xbf" + SUCCESS.encode()),
        answers(" \r\n" + SUCCESS.replace('"success"', '" Success "') + "\n"),
        says(b"HTTP/1.1 200 OK\r\n\r\n" + SUCCESS.encode()),
        says(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
            % (len(SUCCESS), SUCCESS.encode())
        ),
        says(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"1\r\n%c\r\n" % byte for byte in SUCCESS.encode())
            + b"0\r\n\r\n"
        ),
        answers(SUCCESS, status="299 Something"),
        answers(SUCCESS, status="400 Bad Request"),
        answers(SUCCESS + " " * (MAX_ANSWER - len(SUCCESS))),
    ],
    ids=[
        "html",
        "json",
        "500",
        "503",
        "bom",
        "blanks",
        "until-close",
        "chunked",
        "many-chunks",
        "299",
        "400",
        "as-large-as-may-be",
    ],
)
def test_it_believes_the_type_whatever_status_and_content_type(behaviour):
    with Wire(behaviour) as wire:
        placed = dial(wire)
    assert placed.campid == "45710001"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("campid", "kept"),
    [
        ("45710001", "45710001"),
        ('"45710001"', "45710001"),
        ('"X0"', "X0"),
        ("45710001.0", "45710001"),
        ("0", None),
        ('"0"', None),
        ('" "', None),
        ("null", None),
        ("true", None),
        ("1e999", None),
        ("[1]", None),
    ],
)
def test_it_keeps_a_campid_as_text_and_only_a_real_one(campid, kept):
    with Wire(answers('{"type":"success","campid":' + campid + "}")) as wire:
        assert dial(wire).campid == kept


def test_it_reads_the_white_labels_deskphone_as_caller_id(bodies: Path):
    for name, caller in (("dial-success", "00918060000001"), ("dial-success-white-label", "08060000001")):
        with Wire(answers((bodies / f"{name}.json").read_bytes())) as wire:
            placed = dial(wire)
        assert placed.callerid == caller
        assert placed.message == "Call to Customer Initiate Successfully.."
        assert caller not in repr(placed)
        assert placed.raw["type"] == "success"
        assert caller not in repr(placed.raw)
    with Wire(answers(SUCCESS)) as wire:
        assert dial(wire).callerid is None


# -- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "500 Internal Server Error"])
@pytest.mark.parametrize(
    ("body", "kind", "code", "said"),
    [
        ("dial-wrong-key", WrongKey, "callerdesk_wrong_key", "administrator"),
        ("dial-old-api", WrongKey, "callerdesk_wrong_key", "base URL"),
        ("dial-member-inactive", MemberInactive, "callerdesk_member_inactive", "…0002"),
        ("dial-wrong-deskphone", WrongDeskphone, "callerdesk_wrong_deskphone", "leading 0"),
        ("dial-bad-parameter", BadParameter, "callerdesk_bad_parameter", "…0001"),
        ("dial-low-coins", Refused, "callerdesk_refused", "“Coins of …0002 are used up (0 left)”"),
    ],
)
def test_it_names_each_refusal(bodies: Path, body, kind, code, said, status):
    with Wire(answers((bodies / f"{body}.json").read_bytes(), status=status)) as wire:
        error = failure(wire)
    assert type(error) is kind
    assert error.code == code
    assert said in error.message
    assert "98765" not in error.message
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        (None, "no reason given"),
        ("", "no reason given"),
        (f"bad key {KEY}!", "bad key [secret]!"),
        ("number:9876500002x", "number:…0002x"),
        ("a\nb\x1b[31m\x00", "a b [31m"),
        ("x" * 5000, "x" * 200),
        (["odd"], "['odd']"),
    ],
)
def test_it_quotes_an_unpublished_error_without_secrets_or_numbers(message, quoted):
    with Wire(answers(json.dumps({"type": "error", "message": message}))) as wire:
        error = failure(wire)
    assert error.code == "callerdesk_refused"
    assert f"customer …0001: “{quoted}”" in error.message


@pytest.mark.parametrize(
    "number",
    [
        "",
        "987650000",
        "19876500001",
        "919876500001",
        "09876500001",
        "+19876500001",
        "+91 9876500001",
        "0987650001",
        "9876500001 ",
        "9876500001\n",
        "٩٨٧٦٥٠٠٠٠١",
        "+9198765000011",
        "98765abcde",
    ],
)
def test_it_refuses_a_number_rather_than_cut_it(number):
    with Wire(answers(SUCCESS)) as wire:
        for role, parties in (("customer", (number, MEMBER)), ("member", (CUSTOMER, number))):
            with pytest.raises(Refused) as caught:
                client(wire).reverse_c2c(*parties, DESKPHONE)
            assert caught.value.code == f"{role}_number_invalid"
            last = "".join(filter(str.isdecimal, number))[-4:]
            assert f"the {role}'s number {'…' + last if last else '(empty)'} is not" in caught.value.message
            assert "98765" not in caught.value.message
        assert wire.connections == 0


def test_it_refuses_a_blank_deskphone_and_an_impossible_limit():
    with Wire(answers(SUCCESS)) as wire:
        with pytest.raises(Refused, match="deskphone") as blank:
            client(wire).reverse_c2c(CUSTOMER, MEMBER, " ")
        with pytest.raises(Refused, match="CallLimit") as impossible:
            client(wire).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE, call_limit=0)
        assert wire.connections == 0
    assert (blank.value.code, impossible.value.code) == ("deskphone_missing", "call_limit_invalid")
    assert CallerDesk(KEY).masked_request(CUSTOMER, MEMBER, DESKPHONE, call_limit=1).query["CallLimit"] == "1"


# -- unclear -----------------------------------------------------------------------------------------------


def hangs(wire_box: list[Wire]):
    def behaviour(connection: socket.socket) -> None:
        wire_box[0].over.wait(10)

    return behaviour


def drips(wire_box: list[Wire]):
    def behaviour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while not wire_box[0].over.wait(0.05):
            connection.sendall(b" ")

    return behaviour


def half_a_chunk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + SUCCESS.encode()[:20])


NO_ANSWER = {
    "close": closes,
    "reset": resets,
    "half-a-chunk": half_a_chunk,
    "broken-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + SUCCESS.encode()),
    "short-body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + SUCCESS.encode()),
    "not-http": says(b"\x00\x01\x02\r\n\r\n"),
    "bad-encoding": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
}
UNREADABLE = {
    "300": answers(SUCCESS, "300 Multiple Choices"),
    "302": answers(SUCCESS, "302 Found", extra="Location: /api/click_to_call_v3\r\n"),
    "301-elsewhere": answers(SUCCESS, "301 Moved", extra="Location: http://127.0.0.1:9/\r\n"),
    "399": answers(SUCCESS, "399 Something"),
    "307-no-location": answers(SUCCESS, "307 Temporary Redirect"),
    "500-html": answers("<h1>Oops</h1>", "500 Internal Server Error"),
    "503-html": answers("<h1>Busy</h1>", "503 Service Unavailable", extra="Retry-After: 0\r\n"),
    "408": answers("", "408 Request Timeout"),
    "421": answers("", "421 Misdirected Request"),
    "429": answers("", "429 Too Many Requests", extra="Retry-After: 0\r\n"),
    "half-a-head": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "empty": answers(""),
    "html-200": answers("<html>maintenance</html>"),
    "php-notice": answers("<br/>Notice: …" + SUCCESS),
    "list": answers(f"[{SUCCESS}]"),
    "text": answers('"success"'),
    "new-type": answers('{"type":"queued","campid":1}'),
    "no-type": answers('{"message":"Call to Customer Initiate Successfully.."}'),
    "not-utf8": answers(b'{"type":"succ\xe9ss"}'),
    "deep": answers("[" * (MAX_ANSWER - 1)),
    "too-large": answers(SUCCESS + " " * MAX_ANSWER),
}


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [(behaviour, "callerdesk_no_answer") for behaviour in NO_ANSWER.values()]
    + [(behaviour, "callerdesk_unclear_answer") for behaviour in UNREADABLE.values()],
    ids=[*NO_ANSWER, *UNREADABLE],
)
def test_it_asks_once_and_says_that_a_phone_may_be_ringing(behaviour, code):
    with Wire(behaviour) as wire:
        error = failure(wire)
    assert type(error) is Unclear
    assert error.code == code
    assert "…0001 may be ringing" in error.message
    assert "Do not press Call again" in error.message
    assert len(wire.requests) == 1
    assert wire.connections == 1


@pytest.mark.parametrize("how", [hangs, drips])
def test_it_stops_waiting_for_an_answer_that_never_ends(how):
    box: list[Wire] = []
    with Wire(how(box)) as wire:
        box.append(wire)
        error = failure(wire, timeout=(2.0, 0.3))
    assert (type(error), error.code) == (Unclear, "callerdesk_no_answer")
    assert len(wire.requests) == 1


def test_it_waits_for_the_whole_answer_no_longer_than_for_its_first_byte():
    def comes_late(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(12):
            wire.over.wait(0.05)
            connection.sendall(b" ")
        connection.sendall(SUCCESS.encode())

    with Wire(comes_late) as wire:
        assert failure(wire, timeout=(2.0, 0.4)).code == "callerdesk_no_answer"


def test_it_never_reuses_a_connection_even_when_the_other_side_keeps_it_open():
    def keeps_open(connection: socket.socket) -> None:
        answers(SUCCESS, extra="Connection: keep-alive\r\n")(connection)
        connection.recv(1)

    with Wire(keeps_open) as wire:
        caller = client(wire)
        for _ in range(3):
            caller.reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
    assert wire.connections == len(wire.requests) == 3


def test_it_dials_from_many_threads_once_each():
    with Wire(answers(SUCCESS)) as wire:
        caller = client(wire, (5.0, 5.0))
        threads = [
            threading.Thread(target=caller.reverse_c2c, args=(CUSTOMER, MEMBER, DESKPHONE)) for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(wire.requests) == 16


def test_it_ignores_proxies_and_netrc_of_the_environment(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login joe password hunter7\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Wire(answers(SUCCESS)) as wire:
        assert dial(wire).campid
    assert "authorization" not in wire.requests[0].lower()


# -- surely not sent ---------------------------------------------------------------------------------------


def not_placed(url: str, timeout: tuple[float, float] = (0.4, 0.4)) -> None:
    with pytest.raises(NotPlaced) as caught:
        CallerDesk(KEY, url, timeout=timeout).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
    assert caught.value.code == "callerdesk_unreachable"
    assert "was not rung" in caught.value.message


def test_it_knows_that_a_refused_connection_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    not_placed(f"http://127.0.0.1:{port}/")


def test_it_knows_that_an_unknown_host_was_sent_nothing():
    not_placed("https://callerdesk.invalid/api/")


def test_it_knows_that_a_connection_that_was_never_accepted_sent_nothing():
    # A full backlog: the kernel leaves further connections unanswered.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        not_placed(f"http://127.0.0.1:{full.getsockname()[1]}/", (0.2, 0.2))
        for one in waiting:
            one.close()


def test_it_sends_nothing_to_a_private_address_that_no_setting_names(monkeypatch):
    with Wire(closes, reads=False) as wire:
        url = f"https://callerdesk.example.test:{wire.port}/"
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", wire.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
        with pytest.raises(NotPlaced, match="not a public address") as caught:
            CallerDesk(KEY, url).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
        assert caught.value.code == "address_not_allowed"
        assert caught.value.message.endswith(" Customer …0001 was not rung.")
        assert wire.connections == 0
        with pytest.raises(NotPlaced) as caught:
            CallerDesk(KEY, url, named=networks(["127.0.0.1"])).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
        assert caught.value.code == "callerdesk_unreachable"
        assert wire.connections == 1


@pytest.mark.parametrize("behaviour", [closes, resets, says(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
def test_it_knows_that_a_failed_tls_handshake_sent_nothing(behaviour):
    with Wire(behaviour, reads=False) as wire:
        not_placed(wire.url)


def test_it_knows_that_a_hanging_tls_handshake_sent_nothing():
    box: list[Wire] = []
    with Wire(hangs(box), reads=False) as wire:
        box.append(wire)
        not_placed(wire.url, (0.2, 0.2))


def test_it_sends_nothing_to_a_server_whose_certificate_is_not_trusted(certificate):
    with Wire(answers(SUCCESS), tls=certificate) as wire:
        not_placed(wire.url)
    assert wire.requests == []


def test_it_calls_everything_after_the_handshake_unclear(certificate, monkeypatch, tmp_path):
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "certificate.pem"))
    with Wire(answers(SUCCESS), tls=certificate) as wire:
        assert dial(wire).campid == "45710001"

    def breaks_tls(connection: socket.socket) -> None:
        # Bytes that are no TLS record: an SSL error, but one after the request has arrived.
        socket.socket(fileno=connection.detach()).sendall(b"plain text on a secure line\r\n" * 10)

    for behaviour in (closes, resets, breaks_tls):
        with Wire(behaviour, tls=certificate) as wire:
            assert type(failure(wire)) is Unclear
        assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [
        (requests.ConnectTimeout(), NotPlaced),
        (requests.ReadTimeout(), Unclear),
        (requests.ConnectionError(), Unclear),
        (requests.ConnectionError("reset"), Unclear),
        (requests.exceptions.SSLError("late"), Unclear),
        (requests.exceptions.ChunkedEncodingError("x"), Unclear),
    ],
)
def test_it_takes_a_failure_it_cannot_place_for_unclear(raised, verdict):
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.get("https://app.callerdesk.io/api/click_to_call_v3", body=raised)
        with pytest.raises(verdict):
            CallerDesk(KEY).reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server context with a fresh self-signed certificate for 127.0.0.1 (certificate.pem)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sample")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return context


# -- secrets -----------------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def leaks(text: str) -> bool:
    return any(piece in text for piece in (KEY, "sample%2Fkey", "sample/key", "98765000", "authcode="))


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(SUCCESS),
        answers('{"type":"error","message":"no"}'),
        closes,
        resets,
        UNREADABLE["302"],
        NO_ANSWER["bad-encoding"],
    ],
)
def test_it_never_shows_key_url_or_numbers(behaviour, caplog):
    with caplog.at_level(logging.DEBUG), Wire(behaviour) as wire:
        caller = client(wire)
        try:
            caller.reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
        except ConnectorError as error:
            assert len(chain(error)) == 1
            assert not leaks("".join(traceback.format_exception(error)))
            assert not leaks(repr(error.args))
            assert not leaks(repr(pickle.dumps(error)))
            trace = error.__traceback__
            while trace:
                if "/connector/" in trace.tb_frame.f_code.co_filename:
                    assert KEY not in repr(trace.tb_frame.f_locals)
                trace = trace.tb_next
    assert not leaks(caplog.text)
    assert not leaks(repr(caller))


def test_it_never_shows_the_key_when_no_connection_is_made(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(NotPlaced) as caught:
        CallerDesk(KEY, "https://callerdesk.invalid/").reverse_c2c(CUSTOMER, MEMBER, DESKPHONE)
    assert len(chain(caught.value)) == 1
    assert not leaks(caplog.text + "".join(traceback.format_exception(caught.value)))


def test_it_is_not_pickled():
    with pytest.raises(TypeError, match="holds the API key"):
        pickle.dumps(CallerDesk(KEY))


@pytest.mark.parametrize(
    "settings",
    [
        {"authcode": " "},
        {"base_url": "http://callerdesk.example.com/"},
        {"base_url": "https://joe:hunter2@callerdesk.example.com/"},
        {"base_url": "https://callerdesk.example.com:99999/"},
        {"base_url": "ftp://callerdesk.example.com/"},
        {"endpoint": ""},
        {"endpoint": "../click"[1:] + "?x=1"},
        {"endpoint": "/click_to_call_v3"},
    ],
)
def test_it_does_not_start_with_settings_that_cannot_work(settings):
    with pytest.raises(ValueError, match="endpoint name" if "endpoint" in settings else None):
        CallerDesk(**{"authcode": KEY} | settings)


def test_it_shows_a_dry_run_with_everything_masked():
    shown = CallerDesk(KEY).masked_request(
        CUSTOMER, MEMBER, DESKPHONE, call_limit=60, campid="9995", form_deskphone="01200000002"
    )
    assert shown.query == {
        "calling_party_a": "…0001",
        "calling_party_b": "…0002",
        "deskphone": "…0001",
        "call_from_did": "1",
        "CallLimit": "60",
        "authcode": "[secret]",
    }
    assert shown.form == {"campid": "9995", "deskphone": "…0002"}
    assert str(shown).startswith("GET https://app.callerdesk.io/api/click_to_call_v3?calling_party_a=…0001&")
    assert str(shown).endswith(" with form campid=9995&deskphone=…0002")
    assert not leaks(repr(shown).replace("authcode", ""))
    assert " with form " not in str(CallerDesk(KEY).masked_request(CUSTOMER, MEMBER, DESKPHONE))


def test_its_dry_run_refuses_what_the_dial_would_refuse():
    with pytest.raises(Refused):
        CallerDesk(KEY).masked_request("12345", MEMBER, DESKPHONE)
