"""Which addresses a request may go to: public ones, and the private ones that a setting names.

A host name is only a name: whoever holds it, or the answer of a name server, may point it at this machine, at
its neighbours or at the cloud's metadata service. So every address a name resolves to is judged here, and
the connection is made to the very address that was judged.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SETTING = "allow_private_addresses"
#: Not public. Source: IANA IPv4 Special-Purpose Address Registry, and multicast.
_PRIVATE_4 = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
#: Not public inside 2000::/3, all that is. Source: IANA IPv6 Special-Purpose Address Registry; 6to4 and
#: Teredo (2002::/16, 2001::/32) reach IPv4 hosts through anybody's relay.
_PRIVATE_6 = "::/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20 4000::/2 8000::/1"
PRIVATE: tuple[Network, ...] = tuple(map(ip_network, f"{_PRIVATE_4} {_PRIVATE_6}".split()))
#: Where a cloud hands its machine's credentials to whoever asks: AWS, Google, Azure and most others;
#: Oracle's and Alibaba's own; Azure's host agent; AWS's by IPv6. Never opened by a range around them.
METADATA: frozenset[Address] = frozenset(
    map(ip_address, ("169.254.169.254", "192.0.0.192", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"))
)
#: IPv6 addresses that stand for an IPv4 one in their last four bytes: mapped, and NAT64.
_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one client may go: one host, and the private networks named for it."""

    host: str
    named: tuple[Network, ...] = ()

    @classmethod
    def of(cls, base_url: str, named: Iterable[Network] = ()) -> Reach:
        """The reach of a base URL; one whose host is literally this machine names it by that."""
        host = (urlsplit(base_url).hostname or "").lower()
        return cls(host, (*named, *_own(host)))

    def allows(self, address: Address) -> bool:
        """Whether a connection may be made to this address."""
        address = plain(address)
        if address in METADATA:
            return any(network.num_addresses == 1 and address in network for network in self.named)
        return not any(address in network for network in PRIVATE) or any(
            address in network for network in self.named
        )


def _own(host: str) -> tuple[Network, ...]:
    """This machine, when the host is literally that; not 127.1 and the like, which nobody means."""
    if host == "localhost":
        return IPv4Network("127.0.0.0/8"), IPv6Network("::1")
    try:
        address = ip_address(host)
    except ValueError:
        return ()
    return (ip_network(address),) if address.is_loopback else ()


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, or the address itself without its zone."""
    if not isinstance(address, IPv6Address):
        return address
    address = IPv6Address(int(address))
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def literal(host: str) -> Address | None:
    """The address a host spells out, also in forms that resolvers still take: 127.1, 0x7f000001."""
    host = host.strip("[]").removesuffix(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host)) if host.isalnum() or "." in host else None
    except (OSError, ValueError):
        return None


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks (`10.1.2.3`, `10.0.0.0/8`); ValueError unless each is wholly private."""
    return tuple(_networks(texts))


def _networks(texts: Iterable[str]) -> Iterator[Network]:
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is no address such as 10.1.2.3 or network such as 10.0.0.0/8"
            ) from None
        if not (network.num_addresses == 1 and network[0] in METADATA) and not any(
            network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
            for private in PRIVATE
        ):
            raise ValueError(f"{text!r} is not private: public addresses need no such entry")
        yield network


def refusal(host: str, address: Address) -> str:
    """The sentence for an address that `Reach` does not allow."""
    kind = "a cloud's metadata service" if plain(address) in METADATA else "not a public address"
    return (
        f"{host} is at {address}, {kind}, so nothing was sent there."
        f" Correct the base_url, or name the address in `{SETTING}` of the manifest."
    )


def problem_with(base_url: str, named: Iterable[Network]) -> str | None:
    """What is wrong with a base URL whose host is a literal address; None for names, which may change."""
    host = urlsplit(base_url).hostname or ""
    address = literal(host)
    if address is None or Reach.of(base_url, named).allows(address):
        return None
    return f"{host} is {address}, not a public address: correct it, or name it in `{SETTING}` of the manifest"
