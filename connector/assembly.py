"""Builds the house from its settings: one place where every part meets, and every fault is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from marshmallow import ValidationError

from connector import addresses, phone, signatures, yamlfile
from connector.callerdesk import CallerDesk, Members
from connector.connection import Connection, home_of
from connector.crms import REGISTRY, adapter
from connector.crms.base import Account, Crm
from connector.crms.base_tokens import Tokens
from connector.errors import ConfigError, Problem, Refused
from connector.flow import Flow
from connector.journal import Journal
from connector.journal.tokens import KeptTokens
from connector.mapping import MappingFile
from connector.policy import Policy, PolicySchema
from connector.recordings import RecordingLinks, Whose
from connector.settings import COMMON_KEYS, ConnectionSettings, Settings, register_secrets


@dataclass(frozen=True, slots=True)
class House:
    """The running parts, for the web, the dispatcher and the command line."""

    settings: Settings
    journal: Journal
    callerdesk: CallerDesk
    members: Members
    connections: Mapping[str, Connection]
    flow: Flow
    recordings: RecordingLinks

    def close(self) -> None:
        """Give back what was opened."""
        self.journal.close()


def build(settings: Settings, *, worker: str = "") -> House:
    """Put everything together without opening the journal; ConfigError with every fault of every file."""
    faults: list[Problem] = []
    connections = {}
    journal = Journal(settings.database_url)
    tokens = KeptTokens(journal)
    _address(settings.callerdesk["base_url"], ("callerdesk",), settings, faults)
    _links(settings, faults)
    for name, entry in settings.connections.items():
        connection = _connection(entry, settings, tokens, faults)
        if connection is not None:
            connections[name] = connection
    if faults:
        raise ConfigError(faults)
    callerdesk = CallerDesk(
        settings.callerdesk["authcode"],
        settings.callerdesk["base_url"],
        settings.callerdesk["endpoint"],
        timeout=(3.05, settings.callerdesk["timeout"]),
        named=settings.named,
    )
    members = Members(callerdesk)
    recordings = RecordingLinks(settings.recordings, settings.public_url, journal.link_key)
    flow = Flow(journal, callerdesk, members, connections, shown=recordings.shown, worker=worker)
    return House(settings, journal, callerdesk, members, connections, flow, recordings)


def _connection(
    entry: ConnectionSettings, settings: Settings, tokens: Tokens, faults: list[Problem]
) -> Connection | None:
    document, here = settings.document, ("connections", entry.name)
    found = len(faults)
    if entry.crm not in REGISTRY:
        near = get_close_matches(entry.crm, REGISTRY, 1)
        advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(REGISTRY))}"
        faults.append(document.problem((*here, "crm"), f"unknown crm {entry.crm!r}; {advice}", value=True))
        return None
    if entry.clicks.auth not in signatures.SCHEMES:
        message = f"unknown auth {entry.clicks.auth!r}; known are {', '.join(sorted(signatures.SCHEMES))}"
        faults.append(document.problem((*here, "clicks", "auth"), message, value=True))
    else:
        for index, secret in enumerate(entry.clicks.secrets):
            if problem := signatures.problem_with(entry.clicks.auth, secret):
                faults.append(document.problem((*here, "clicks", "secrets", index), problem, value=True))
    kind = adapter(entry.crm)
    own = _own_settings(kind, entry, document, faults)
    policy = _policy(entry, settings, faults)
    try:
        mapping = MappingFile(entry.mapping)
    except ConfigError as error:
        faults.extend(error.problems)
        return None
    if mapping.current().crm != entry.crm:
        message = f"{entry.mapping.name} is a mapping for {mapping.current().crm!r}, not for {entry.crm!r}"
        faults.append(document.problem((*here, "mapping"), message, value=True))
    if own is not None:
        _address(own.get("base_url"), here, settings, faults)
    if len(faults) > found or own is None or policy is None:
        return None
    clicks = {"source": entry.clicks.source, "organization_id": entry.clicks.organization_id}
    account = Account(entry.name, own, clicks, mapping.requests, settings.named, tokens)
    found_members = _members(entry, settings, policy, faults)
    if len(faults) > found:
        return None
    return Connection(
        entry.name, kind(account), mapping, policy, entry.deskphone, entry.clicks.wait, found_members
    )


def _members(
    entry: ConnectionSettings, settings: Settings, policy: Policy, faults: list[Problem]
) -> Mapping[str, str]:
    """The table of members with ids in small letters and numbers as E.164; a fault for each that is none."""
    document, here = settings.document, ("connections", entry.name, "members")
    region = home_of(policy)
    numbers: dict[str, str] = {}
    for user, typed in entry.members.items():
        key = user.strip().casefold()
        try:
            number = phone.read(typed, region).e164
        except Refused as refusal:
            faults.append(document.problem((*here, user), refusal.message, value=True))
            continue
        if numbers.setdefault(key, number) != number:
            message = f"{user!r} stands here twice with different numbers: capitals make no other user"
            faults.append(document.problem((*here, user), message))
    return numbers


def _own_settings(
    kind: type[Crm], entry: ConnectionSettings, document: yamlfile.Document, faults: list[Problem]
) -> Mapping[str, object] | None:
    schema = kind.settings_schema()
    here = ("connections", entry.name)
    try:
        own: Mapping[str, object] = schema.load(entry.own)
    except ValidationError as error:
        messages = {"connections": {entry.name: error.messages}}

        def known(path: yamlfile.Path) -> list[str]:
            return [*yamlfile.keys_of(schema, path[2:]), *(COMMON_KEYS if path == here else ())]

        faults.extend(yamlfile.problems(document, messages, known))
        return None
    register_secrets(str(own[name]) for name in kind.secrets if own.get(name))
    return own


def _address(base_url: object, where: yamlfile.Path, settings: Settings, faults: list[Problem]) -> None:
    """A literal private address is told here; a name's addresses are looked at whenever we connect."""
    if isinstance(base_url, str) and (problem := addresses.problem_with(base_url, settings.named)):
        faults.append(settings.document.problem((*where, "base_url"), problem, value=True))


def _links(settings: Settings, faults: list[Problem]) -> None:
    """Links of ours that cannot be made are told: theirs in their place would show what is to be hidden."""
    if settings.recordings.links is Whose.OURS and settings.public_url is None:
        message = "links of our own begin with our address: set public_url, or leave this key out"
        faults.append(settings.document.problem(("recordings", "links"), message, value=True))


def _policy(entry: ConnectionSettings, settings: Settings, faults: list[Problem]) -> Policy | None:
    schema = PolicySchema()
    merged = {**settings.policy, **entry.policy}
    try:
        policy: Policy = schema.load(merged)
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        own = {key: told for key, told in messages.items() if key in entry.policy}
        common = {key: told for key, told in messages.items() if key not in own}
        placed = {"policy": common, "connections": {entry.name: {"policy": own}}}
        told = yamlfile.problems(settings.document, placed, lambda path: yamlfile.keys_of(schema, ()))
        faults.extend(problem for problem in told if problem not in faults)
        return None
    return policy
