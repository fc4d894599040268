"""Which addresses may be reached: public ones, and private ones that are named; each in all its spellings."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from connector import settings
from connector.addresses import METADATA, Reach, literal, networks, problem_with
from connector.assembly import build
from connector.errors import ConfigError
from connector.http import checked_base_url

PUBLIC = [
    "1.1.1.1",
    "11.0.0.1",
    "100.63.255.255",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "223.255.255.255",
]
PUBLIC_6 = ["2606:4700:4700::1111", "2400:cb00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 127.0.0.1 127.255.0.1 169.254.1.1 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
"""
PRIVATE_6 = """
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:224.0.0.1
    64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:db8::1
    2002:7f00:1:: 2002:101:101:: 3fff::1 4000::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%1 fec0::1
    ff02::1 ff0e::1
"""


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_6])
def test_what_is_public_may_be_reached(address: str) -> None:
    assert Reach("crm.example.com").allows(ip_address(address))


@pytest.mark.parametrize("address", [*PRIVATE.split(), *PRIVATE_6.split(), *sorted(map(str, METADATA))])
def test_what_is_not_public_may_not(address: str) -> None:
    assert not Reach("crm.example.com").allows(ip_address(address))


@pytest.mark.parametrize(
    ("named", "address", "allowed"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("10.0.0.0/8", "10.200.1.1", True),
        ("10.0.0.0/8", "::ffff:10.200.1.1", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("fd12::/16", "fd12::7", True),
        ("fe80::/10", "fe80::7%1", True),
        # A range around a metadata service does not open it; only its own name does.
        ("169.254.0.0/16", "169.254.1.1", True),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("fd00::/8", "fd00:ec2::254", False),
        ("100.64.0.0/10", "100.100.100.200", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("169.254.169.254", "::ffff:169.254.169.254", True),
        ("168.63.129.16", "168.63.129.16", True),
    ],
)
def test_what_is_named_may_be_reached(named: str, address: str, allowed: bool) -> None:
    assert Reach("crm.example.com", networks([named])).allows(ip_address(address)) is allowed


@pytest.mark.parametrize(
    ("base_url", "address", "allowed"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", True),
        ("http://127.0.0.1:8080", "127.0.0.2", False),
        ("http://127.0.0.1:8080", "10.0.0.1", False),
        ("http://[::1]:8080", "::1", True),
        ("http://localhost", "127.0.0.1", True),
        ("http://localhost", "::1", True),
        ("http://localhost", "10.0.0.1", False),
        ("https://127.1", "127.0.0.1", False),
        ("https://localhost.example.com", "127.0.0.1", False),
        ("https://10.1.2.3", "10.1.2.3", False),
    ],
)
def test_a_base_url_that_is_this_machine_names_it_and_nothing_else(
    base_url: str, address: str, allowed: bool
) -> None:
    assert Reach.of(base_url).allows(ip_address(address)) is allowed


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "crm.example.com",
        "10.0.0.1/8",
        "10.0.0.0/40",
        "0.0.0.0/0",
        "8.8.8.8",
        "8.0.0.0/5",
        "::/0",
        "2000::/3",
    ],
)
def test_only_private_networks_can_be_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"no address such|not private"):
        networks([wrong])


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "[::ffff:7f00:1]",
    ],
)
def test_it_reads_every_spelling_of_an_address(host: str) -> None:
    address = literal(host)
    assert address is not None and not Reach("x").allows(address)
    assert "not a public address" in str(problem_with(f"https://{host}/", ()))


@pytest.mark.parametrize(
    "host", ["crm.example.com", "face.example", "10.example.com", "127.0.0.1.example.com", "1.2.3.4.5"]
)
def test_it_takes_no_name_for_an_address(host: str) -> None:
    assert literal(host) is None
    assert problem_with(f"https://{host}/", ()) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com@169.254.169.254/",
        "https://@169.254.169.254/",
        "https://crm.example.com:x@169.254.169.254/",
        "https://crm.example.com\\@169.254.169.254/",
        "https://crm.example.com\\.attacker.example/",
        "https://crm.example.com\t.attacker.example/",
        "https://crm.example.com\n/",
        " https://crm.example.com/",
        "https://crm.example.com#@169.254.169.254/",
        "https://crm.example.com?@169.254.169.254/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost./",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://[::]/",
    ],
)
def test_a_base_url_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|base URL|https"):
        checked_base_url(url)


# -- The manifest ------------------------------------------------------------------------------------------

MANIFEST = """\
database_url: sqlite:///x.db
callerdesk: {{base_url: "{desk}", authcode: made-up-authcode-1, deskphone: "08060000001"}}
connections:
  shop:
    crm: rest
    mapping: {mapping}
    base_url: "{crm}"
    auth: {{bearer: made-up-bearer-for-addresses}}
    clicks: {{auth: bearer, secrets: [made-up-click-secret-1]}}
{more}
"""
MAPPING = Path(__file__).parents[1] / "connector" / "sandbox" / "rest.yaml"


def problems(
    folder: Path, crm: str, desk: str = "https://desk.example.com/api/", more: str = ""
) -> list[str]:
    file = folder / "manifest.yaml"
    file.write_text(MANIFEST.format(crm=crm, desk=desk, mapping=MAPPING, more=more), encoding="utf-8")
    try:
        build(settings.load(file, {})).close()
    except ConfigError as error:
        return [f"{each.line}: {each.message}" for each in error.problems]
    return []


def test_check_tells_a_literal_private_address_at_once(tmp_path: Path) -> None:
    (crm, desk) = reversed(problems(tmp_path, "https://10.1.2.3/", "https://169.254.169.254/"))
    assert crm.startswith("7: ")
    assert "10.1.2.3 is 10.1.2.3, not a public address" in crm and "allow_private_addresses" in crm
    assert desk.startswith("2: ") and "169.254.169.254" in desk


@pytest.mark.parametrize(
    "crm", ["https://10.1.2.3/", "https://10.1.2.3:8443/api", "https://crm.example.com", "http://[::1]:80"]
)
def test_check_is_content_with_what_is_public_named_or_this_machine(tmp_path: Path, crm: str) -> None:
    assert problems(tmp_path, crm, more="allow_private_addresses: [10.1.2.3, 10.128.0.0/9]") == []


def test_check_names_the_entry_that_is_no_private_network(tmp_path: Path) -> None:
    (told,) = problems(
        tmp_path, "https://crm.example.com", more="allow_private_addresses: [10.1.2.3, 0.0.0.0/0]"
    )
    assert told.startswith("10: ") and "'0.0.0.0/0' is not private" in told
