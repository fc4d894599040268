"""One CRM account, ready for work."""

from __future__ import annotations

from dataclasses import dataclass

from connector.crms.base import Crm
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

    @property
    def region(self) -> str:
        """The country whose dialling habits a number without country code is read by."""
        countries = self.policy.countries
        return "IN" if "IN" in countries else min(countries)
