"""One CRM account, ready for work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connector.crms.base import Crm
from connector.errors import AdminNeeded
from connector.mapping import MappingFile
from connector.policy import Policy


@dataclass(frozen=True, slots=True)
class Connection:
    """One CRM account, ready for work: adapter, live mapping, policy, and the account's own deskphone."""

    name: str
    crm: Crm
    mapping: MappingFile
    policy: Policy
    deskphone: str
    #: Seconds a button's answer waits for the verdict.
    wait: float = 8.0
    #: CRM user's id, login or e-mail in small letters -> member number (E.164), as the manifest lists them.
    members: Mapping[str, str] = field(default_factory=dict, repr=False)

    def member_number(self, among_members: Callable[[str], str | None]) -> Callable[[str], str | None]:
        """Finds a CRM user's number: in the manifest's table first, then by e-mail `among_members`."""

        def find(user: str) -> str | None:
            return self.members.get(user.strip().casefold()) or among_members(user)

        return find

    @property
    def region(self) -> str:
        """The country whose dialling habits a number without country code is read by."""
        return home_of(self.policy)


def connected(connections: Mapping[str, Connection], name: str) -> Connection:
    """The connection of this name; AdminNeeded where the manifest has it no more: calls outlive that."""
    try:
        return connections[name]
    except KeyError:
        sentence = f"The manifest has no connection {name!r} any more: put it back, and the call goes on."
        raise AdminNeeded("connection_removed", sentence) from None


def home_of(policy: Policy) -> str:
    """India where its numbers may be rung, else the first country by name."""
    return "IN" if "IN" in policy.countries else min(policy.countries)
