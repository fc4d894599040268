"""Reading Frappe documents: the record, what it links to, its owner and the person who pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.crms.base_api import JsonApi
from connector.crms.base_read import first_parts, if_there
from connector.crms.frappe_api import WHO, document
from connector.crms.frappe_fields import Fields
from connector.errors import Gone, Refused
from connector.model import Click, Record, Wanted

#: DocType -> the field that names its owner, a User. Any other: `owner`, whoever created the document.
OWNER_FIELDS = {
    "CRM Lead": "lead_owner",
    "CRM Deal": "deal_owner",
    "CRM Organization": "owner",
    "Contact": "owner",
    "Lead": "lead_owner",
    "Opportunity": "opportunity_owner",
    "Customer": "account_manager",
}
#: Link fields a path may go through, and the DocType behind each.
LINKS = {
    "contact": "Contact",
    "contact_person": "Contact",
    "customer_primary_contact": "Contact",
    "lead": "CRM Lead",
    "organization": "CRM Organization",
}
#: Users that are nobody: what a site's own set-up and its web forms create.
NOBODY = frozenset({"", "administrator", "guest"})
#: `owner.agent.…` and `user.agent.…` read this document of theirs, which is named like the user.
AGENT, AGENTS = "agent", "CRM Telephony Agent"


class Reader:
    """Reads documents; `owner_fields` adds to `OWNER_FIELDS`, or overrides it."""

    def __init__(self, api: JsonApi, owner_fields: Mapping[str, str]) -> None:
        self._api = api
        self.fields = Fields(api)
        self._owner_fields = {**OWNER_FIELDS, **owner_fields}

    def read(self, click: Click, wanted: Wanted) -> Record:
        """Return the wanted fields: a request for the record, one for each link and person they name."""
        about = f"{click.object} {click.record_id}"
        whole = document(self._api, click.object, click.record_id, about)
        record = self._through_links(click.object, whole, wanted.record, about)
        owner: Mapping[str, Any] = {}
        if wanted.owner:
            field = self.owner_field(click.object)
            named = self._only(click.object, whole, [field], about).get(field)
            owner = self.person(named, wanted.owner, f"owner of {about}")
        return Record(record, owner, self.person(click.user, wanted.user, f"user who clicked {about}"))

    def owner_field(self, doctype: str) -> str:
        """The field of a DocType that names its owner."""
        return self._owner_fields.get(doctype, "owner")

    def person(self, name: Any, paths: Sequence[str], about: str) -> dict[str, Any]:
        """The User of this name, its e-mail address; {} for nobody and for one who was deleted.

        What only the telephony agent and the name itself can answer is not asked of the User, which not every
        role may read.
        """
        if not paths or not isinstance(name, str) or name.strip().lower() in NOBODY:
            return {}
        name = name.strip().lower()  # Frappe keeps them so
        fields = [path for path in paths if path.partition(".")[0] not in (AGENT, "name")]
        agent = [path.partition(".")[2] for path in paths if path.partition(".")[0] == AGENT]
        found: dict[str, Any] = {"name": name}
        try:
            if fields:
                found |= self._only("User", document(self._api, "User", name, about), fields, about)
        except Gone:
            return {}
        if agent:
            found[AGENT] = self._agent(name, agent, about)
        return found

    def _agent(self, name: str, paths: Sequence[str], about: str) -> dict[str, Any] | None:
        agent = if_there(document, self._api, AGENTS, name, about)
        return self._only(AGENTS, agent, paths, f"{AGENTS} of the {about}") if agent is not None else None

    def _through_links(
        self, doctype: str, whole: Mapping[str, Any], paths: Sequence[str], about: str
    ) -> dict[str, Any]:
        """The wanted fields; where a path goes on behind a link, the linked document's in its place."""
        record = self._only(doctype, whole, paths, about)
        for name in first_parts(path for path in paths if "." in path):
            if not isinstance(record.get(name), str):
                continue  # empty, or a child table
            if name not in LINKS:
                raise Refused(
                    "unknown_field",
                    f"{WHO}'s field {name!r} of {about} cannot be followed: a path may go through"
                    f" {', '.join(LINKS)} only.",
                )
            behind = [path.partition(".")[2] for path in paths if path.startswith(f"{name}.")]
            named = f"{name} of {about}"
            linked = if_there(document, self._api, LINKS[name], record[name], named)
            record[name] = None if linked is None else self._only(LINKS[name], linked, behind, named)
        return record

    def _only(
        self, doctype: str, whole: Mapping[str, Any], paths: Sequence[str], about: str
    ) -> dict[str, Any]:
        """The wanted fields of a document, None for an empty one; Refused naming one that does not exist.

        What is absent and cannot be asked for stays out: nobody knows whether it is empty or hidden.
        """
        names = first_parts(paths)
        unknown = self.fields.unknown(doctype, [name for name in names if name not in whole])
        if unknown:
            raise Refused(
                "unknown_field",
                f"{WHO}'s {doctype} has no field {unknown[0]!r} ({about}) that our user may see: correct"
                " its name in the mapping, or give the user's role its permission level.",
            )
        there = [name for name in names if name in whole or self.fields.listed(doctype, name)]
        return {name: None if whole.get(name) == "" else whole.get(name) for name in there}
