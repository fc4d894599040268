"""The way out on real sockets: one look at the name, the very address it gave, one answer that ends."""

from __future__ import annotations

import datetime
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.addresses import Reach, networks
from connector.callerdesk import CallerDesk
from connector.errors import AdminNeeded, NotPlaced, TryAgain
from connector.http import MAX_BYTES, Outgoing, new_session

HOST = "crm.example.com"
#: Stands for a public address, because it is named; other loopback ones are refused like any private one.
GOOD, BAD = "127.0.0.2", "127.0.0.3"
NAMED = networks([GOOD])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Says = Callable[[socket.socket, threading.Event], None]


def says(data: bytes) -> Says:
    """These bytes for every request, on a connection that stays open."""
    return lambda wire, over: wire.sendall(data)


class Listener:
    """A bare server on one address; knows who connected, and what TLS and HTTP were told."""

    def __init__(
        self, address: str, port: int = 0, *, say: Says | None = None, tls: ssl.SSLContext | None = None
    ):
        self.say, self.tls = say or says(OK), tls
        self.connections = 0
        self.heads: list[str] = []
        self.names: list[str | None] = []
        self.over = threading.Event()
        self._open: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listening = socket.create_server((address, port), family=family)
        self.port = self._listening.getsockname()[1]
        if tls:
            tls.sni_callback = lambda _sock, name, _context: self.names.append(name)

    def __enter__(self) -> Listener:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop()

    def drop(self) -> None:
        """End every connection."""
        while self._open:
            wire = self._open.pop()
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(wire, server_side=True) if self.tls else wire as spoken:
                self._open.append(spoken)
                while head := self._head(spoken):
                    self.heads.append(head)
                    self.say(spoken, self.over)
        except OSError:
            return

    def _head(self, wire: socket.socket) -> str:
        found = b""
        while b"\r\n\r\n" not in found:
            more = wire.recv(65536)
            if not more:
                return ""
            found += more
        return found.decode()


class Resolver:
    """Answers each look-up of a name with the next of its answers, the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [entry for one in answer for entry in self._real(one, port, type=socket.SOCK_STREAM)]


class Authority:
    """A certificate authority of these tests; `context` is a server's with a certificate for one name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of these tests")])
        self.bundle = folder / "authority.pem"
        made = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        signed = made.add_extension(usage, True).sign(self._key, hashes.SHA256())
        self.bundle.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        today = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + datetime.timedelta(days=1))
        )

    def context(self, name: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = self._builder(subject, key).add_extension(names, False).sign(self._key, hashes.SHA256())
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority.bundle))
    return authority


@pytest.fixture
def crm(trusted: Authority) -> Iterator[Listener]:
    """The CRM at the address that may be reached, with a good certificate."""
    with Listener(GOOD, tls=trusted.context(HOST)) as listening:
        yield listening


def out(port: int, host: str = HOST, timeout: tuple[float, float] = (2.0, 2.0)) -> Outgoing:
    return Outgoing("The CRM", f"https://{host}:{port}/api", timeout=timeout, named=NAMED)


def refused(outgoing: Outgoing) -> AdminNeeded:
    with pytest.raises(AdminNeeded) as caught:
        outgoing.send("GET", "x")
    assert caught.value.code == "address_not_allowed"
    return caught.value


# -- Where it connects -------------------------------------------------------------------------------------


def test_it_connects_to_the_address_it_has_checked_whatever_the_name_says_next(
    crm: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener(BAD, crm.port) as inside:
        names = Resolver(monkeypatch, [GOOD], [BAD])
        client = out(crm.port)
        for _ in range(3):
            assert client.send("GET", "x").status == 200
        assert (crm.connections, names.asked) == (1, [HOST])
        crm.drop()
        # A new connection is looked up anew, and the name has been bound to another address by now.
        error = refused(client)
        assert len(names.asked) == 2
        assert inside.connections == 0
    assert f"{HOST} is at {BAD}, not a public address" in error.message
    assert "allow_private_addresses" in error.message


@pytest.mark.parametrize(
    "answer", [[GOOD, BAD], [BAD, GOOD], [GOOD, "169.254.169.254"], [GOOD, "::ffff:127.0.0.3"]]
)
def test_it_trusts_no_name_with_one_wrong_address_among_its_own(
    crm: Listener, monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    Resolver(monkeypatch, answer)
    refused(out(crm.port))
    assert crm.connections == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.0.0.1", "fe80::1", "fd00:ec2::254"],
)
def test_it_connects_to_no_private_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    Resolver(monkeypatch, [address])
    started = time.monotonic()
    refused(out(443))
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1", "localhost.", "[::ffff:7f00:1]"]
)
def test_it_knows_this_machine_in_every_spelling(host: str) -> None:
    with Listener("127.0.0.1") as inside:
        if host == "127.0.0.1":
            # Written plainly it is meant so; TLS then finds that nobody speaks it there.
            with pytest.raises(TryAgain):
                out(inside.port, host, (0.2, 0.2)).send("GET", "x")
            return
        with pytest.raises((AdminNeeded, TryAgain)) as caught:
            out(inside.port, host).send("GET", "x")
        # What the resolver of this system does not take for an address is an unknown name.
        assert caught.value.code in ("address_not_allowed", "crm_unreachable")
        assert inside.connections == 0


def test_a_base_url_of_this_machine_needs_no_setting() -> None:
    for address, host in (("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("::1", "[::1]")):
        with Listener(address) as server:
            assert Outgoing("The CRM", f"http://{host}:{server.port}").send("GET", "x").status == 200


def test_plain_http_goes_to_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, ["10.0.0.1"])
    client = Outgoing("The CRM", "http://localhost:8080", named=networks(["10.0.0.0/8"]))
    assert "plain http goes nowhere else" in refused(client).message


def test_a_name_with_a_dot_at_its_end_is_the_same_host(
    crm: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Resolver(monkeypatch, [GOOD])
    assert out(crm.port, HOST + ".").send("GET", "x").status == 200
    assert (names.asked, crm.names) == ([HOST + "."], [HOST])


def test_it_tries_the_next_address_when_the_first_does_not_answer(
    crm: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.pinned._FAIR_TRY", 0.1)
    Resolver(monkeypatch, ["127.0.0.4", GOOD])
    client = Outgoing(
        "The CRM", f"https://{HOST}:{crm.port}", timeout=(2.0, 2.0), named=networks(["127.0.0.0/8"])
    )
    assert client.send("GET", "x").status == 200


# -- Another host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "@evil.example/",
        "\\\\evil.example/",
        "../../x",
        "https://evil.example/",
        "?@evil.example",
    ],
)
def test_no_path_leads_to_another_host(crm: Listener, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    names = Resolver(monkeypatch, [GOOD])
    assert out(crm.port).send("GET", path).status == 200
    assert names.asked == [HOST]
    assert f"Host: {HOST}:{crm.port}" in crm.heads[0]


def test_a_session_goes_to_its_own_host_only(crm: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Resolver(monkeypatch, [GOOD])
    with new_session(Reach(HOST, NAMED)) as session:
        assert session.get(f"https://{HOST}:{crm.port}/", timeout=2).status_code == 200
        with pytest.raises(AdminNeeded, match=r"not to evil\.example") as caught:
            session.get(f"https://evil.example:{crm.port}/", timeout=2)
    assert caught.value.code == "address_not_allowed"
    assert (names.asked, crm.connections) == ([HOST], 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_no_redirect_to_the_metadata_service(
    crm: Listener, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    crm.say = says(
        b"HTTP/1.1 %d Moved\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n" % status
    )
    names = Resolver(monkeypatch, [GOOD])
    with pytest.raises(AdminNeeded) as caught:
        out(crm.port).fetch("GET", "x")
    assert caught.value.code == "crm_redirected"
    with new_session(Reach(HOST, NAMED)) as session:
        assert session.get(f"https://{HOST}:{crm.port}/", timeout=2).status_code == status
    assert (set(names.asked), len(crm.heads)) == ({HOST}, 2)


def test_it_takes_no_proxy_and_no_password_from_the_environment(
    crm: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"machine {HOST} login joe password made-up-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    Resolver(monkeypatch, [GOOD])
    assert out(crm.port).send("GET", "x").status == 200
    with new_session(Reach(HOST, NAMED)) as session:
        assert session.get(f"https://{HOST}:{crm.port}/", timeout=2).status_code == 200
    assert not any("authorization" in head.lower() for head in crm.heads)


# -- TLS ---------------------------------------------------------------------------------------------------


def test_tls_and_the_host_header_keep_the_name(crm: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, [GOOD])
    assert out(crm.port).send("GET", "x").status == 200
    assert crm.names == [HOST]
    assert f"\r\nHost: {HOST}:{crm.port}\r\n" in crm.heads[0]


def test_a_certificate_for_another_name_is_refused(
    trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, [GOOD])
    with Listener(GOOD, tls=trusted.context("other.example.com")) as other:
        with pytest.raises(TryAgain, match="SSLError"):
            out(other.port).send("GET", "x")
        assert other.heads == []


def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, [GOOD])
    with Listener(GOOD, tls=authority.context(HOST)) as other:
        with pytest.raises(TryAgain, match="SSLError"):
            out(other.port).send("GET", "x")
        assert other.heads == []


# -- Answers that do not end -------------------------------------------------------------------------------


def bomb(coding: bytes, body: bytes) -> Says:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return says(head % (coding, len(body)) + body)


@pytest.mark.parametrize("times", [1, 2])
def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut(times: int) -> None:
    packed = gzip.compress(b" " * 64 * MAX_BYTES, 6)
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    with Listener("127.0.0.1", say=bomb(b", ".join([b"gzip"] * times), packed)) as server:
        client = Outgoing("The CRM", f"http://127.0.0.1:{server.port}")
        tracemalloc.start()
        with pytest.raises(TryAgain) as caught:
            client.send("GET", "x")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.code == "crm_answer_too_large"
    assert peak < 5 * MAX_BYTES


def drip(beginning: bytes, drop: bytes) -> Says:
    def say(wire: socket.socket, over: threading.Event) -> None:
        wire.sendall(beginning)
        while not over.wait(0.02):
            wire.sendall(drop)

    return say


DRIPS = {
    "head": drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "status": drip(b"HTTP/1.1 2", b"0"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b" "),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk mark": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "until close": drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}


@pytest.mark.parametrize("say", DRIPS.values(), ids=DRIPS.keys())
def test_an_answer_that_drips_is_given_up(say: Says) -> None:
    with Listener("127.0.0.1", say=say) as server:
        client = Outgoing("The CRM", f"http://127.0.0.1:{server.port}", timeout=(1.0, 0.2))
        started = time.monotonic()
        with pytest.raises(TryAgain) as caught:
            client.send("GET", "x")
        taken = time.monotonic() - started
    assert (caught.value.code, caught.value.status) == ("crm_timeout", 504)
    assert 0.3 < taken < 1.5


def test_a_dripping_answer_over_tls_is_given_up(crm: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, [GOOD])
    crm.say = DRIPS["body"]
    with pytest.raises(TryAgain) as caught:
        out(crm.port, timeout=(2.0, 0.2)).send("GET", "x")
    assert caught.value.code == "crm_timeout"


def test_the_next_answer_on_the_same_connection_has_its_full_time() -> None:
    def slowly(wire: socket.socket, over: threading.Event) -> None:
        over.wait(0.15)
        wire.sendall(OK)

    with Listener("127.0.0.1", say=slowly) as server:
        client = Outgoing("The CRM", f"http://127.0.0.1:{server.port}", timeout=(1.0, 0.25))
        assert [client.send("GET", "x").status for _ in range(5)] == [200] * 5
        assert server.connections == 1


# -- How many connections ----------------------------------------------------------------------------------


def test_it_opens_no_more_connections_than_its_pool_holds() -> None:
    def slowly(wire: socket.socket, over: threading.Event) -> None:
        over.wait(0.05)
        wire.sendall(OK)

    with Listener("127.0.0.1", say=slowly) as server:
        url = f"http://127.0.0.1:{server.port}/"
        session = new_session(Reach.of(url), pool=3)
        threads = [
            threading.Thread(target=session.get, args=(url,), kwargs={"timeout": 5}) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (server.connections, len(server.heads)) == (3, 12)
        session.close()


def test_waiting_for_a_connection_ends_as_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.pinned._POOL_WAIT", 0.1)
    with Listener("127.0.0.1", say=lambda wire, over: over.wait(5) and None) as server:
        url = f"http://127.0.0.1:{server.port}/"
        session = new_session(Reach.of(url), pool=1)

        def hang() -> None:
            with pytest.raises(requests.RequestException):
                session.get(url, timeout=2)

        busy = threading.Thread(target=hang)
        busy.start()
        deadline = time.monotonic() + 5
        while not server.heads and time.monotonic() < deadline:
            server.over.wait(0.01)
        with pytest.raises(requests.ConnectTimeout):
            session.get(url, timeout=2)
        server.drop()
        busy.join()
        # Whoever waited in vain has neither taken nor added a place in the pool.
        server.say = says(OK)
        assert [session.get(url, timeout=2).status_code for _ in range(2)] == [200, 200]


# -- The dial ----------------------------------------------------------------------------------------------


def dial(base_url: str) -> Any:
    desk = CallerDesk("made-up-authcode-pin", base_url, timeout=(1.0, 0.3), named=NAMED)
    return desk.reverse_c2c("+919876500001", "+919876500002", "08060000001")


def test_the_dial_goes_to_no_private_address_and_says_so(
    crm: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Resolver(monkeypatch, [BAD])
    with Listener(BAD, crm.port) as inside, pytest.raises(NotPlaced) as caught:
        dial(f"https://{HOST}:{crm.port}/api/")
    assert (inside.connections, names.asked) == (0, [HOST])
    assert caught.value.code == "address_not_allowed"
    for said in (BAD, "allow_private_addresses", "nothing was sent", "…0001 was not rung"):
        assert said in caught.value.message
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_the_dial_looks_its_host_up_once_and_pins_it(crm: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.say = says(b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"type":"success","campid":457100}')
    names = Resolver(monkeypatch, [GOOD], [BAD])
    assert dial(f"https://{HOST}:{crm.port}/api/").campid == "457100"
    assert (names.asked, crm.names, crm.connections) == ([HOST], [HOST], 1)


@pytest.mark.parametrize("say", DRIPS.values(), ids=DRIPS.keys())
def test_the_dial_waits_for_a_dripping_answer_no_longer_than_for_none(say: Says) -> None:
    with Listener("127.0.0.1", say=say) as server:
        started = time.monotonic()
        with pytest.raises(Exception, match="may be ringing"):
            dial(f"http://127.0.0.1:{server.port}/api/")
        assert time.monotonic() - started < 1.0
        assert len(server.heads) == 1


def test_the_dial_unpacks_no_bomb() -> None:
    with Listener("127.0.0.1", say=bomb(b"gzip", gzip.compress(b" " * 64 * MAX_BYTES, 6))) as server:
        tracemalloc.start()
        with pytest.raises(Exception, match="may be ringing"):
            dial(f"http://127.0.0.1:{server.port}/api/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2 * MAX_BYTES
