"""`check`, `check --live` and `doctor`: findings by name, each with what to do about it."""

from __future__ import annotations

from typing import Any

import click as cli

from connector.assembly import House
from connector.crms.base import Finding
from connector.errors import ConnectorError
from connector.mapping.lint import lint
from connector.recordings import Whose, host_of
from connector.redact import mask
from connector.retention import FLOOR_DAYS
from connector.settings import Settings
from connector.signatures import strong_enough

#: Calls whose recordings `doctor` looks at.
_LATEST = 200


def warnings(house: House) -> list[Finding]:
    """What is valid and still wants a look."""
    found = []
    for name, connection in house.settings.connections.items():
        if connection.clicks.auth == "token" and not all(map(strong_enough, connection.clicks.secrets)):
            advice = "make a longer one: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
            found.append(Finding(f"{name}: the token in the hook's address is easy to guess", True, advice))
        if house.connections[name].policy.workflow_dialling is None:
            advice = "set policy.workflow_dialling to the reason people expect such calls, or leave it so"
            found.append(Finding(f"{name}: rules ring nobody", True, advice))
    found += _doubts(house)
    keep = house.settings.retention
    if keep.days < FLOOR_DAYS:
        advice = (
            f"the law asks for {FLOOR_DAYS}; you say: {keep.override_floor}. "
            "A delivery that comes again after that is a new call"
        )
        found.append(Finding(f"retention: calls are erased after {keep.days} days", True, advice))
    found += _recordings(house.settings)
    if not house.settings.callerdesk["webhook_token"]:
        advice = "set callerdesk.webhook_token, or outcomes come from the call report only, minutes later"
        found.append(Finding("callerdesk: its webhooks have no address here", True, advice))
    return found


def _recordings(settings: Settings) -> list[Finding]:
    rules = settings.recordings
    if rules.links is Whose.THEIRS:
        return []
    if not rules.ours(settings.public_url):
        advice = "whoever has one can listen, unseen: set public_url, and they end and are told of"
        return [Finding("recordings: the CRM is given CallerDesk's own links", True, advice)]
    if not rules.hosts:
        advice = "name the hosts of your recordings in recordings.hosts"
        return [Finding("recordings: no link can play, for no host may be asked", True, advice)]
    return []


def _doubts(house: House) -> list[Finding]:
    """What is allowed in a mapping file and still most likely not meant; a file that is used twice, once."""
    mappings = {each.mapping.path: each.mapping.current() for each in house.connections.values()}
    return [
        Finding(str(doubt), True, "change it if it is not meant so")
        for mapping in mappings.values()
        for doubt in lint(mapping)
    ]


def live(house: House) -> list[Finding]:
    """Ask CallerDesk and every CRM."""
    found = _callerdesk(house)
    for name, connection in house.connections.items():
        mapping = connection.mapping.current()
        try:
            told = connection.crm.check_live({key: mapping.wanted(key) for key in mapping.objects})
        except ConnectorError as error:
            told = [Finding("reachable", False, error.message)]
        found += [Finding(f"{name}: {each.what}", each.ok, each.advice) for each in told]
    return found


def _callerdesk(house: House) -> list[Finding]:
    try:
        members = list(house.callerdesk.members())
        deskphones = {each.deskphone for each in house.callerdesk.deskphones()}
        balance = house.callerdesk.balance()
    except ConnectorError as error:
        return [Finding("callerdesk: the key works", False, error.message)]
    active = sum(member.active for member in members)
    found = [
        Finding("callerdesk: the key works", True),
        Finding(
            f"callerdesk: {active} of {len(members)} members are active",
            active > 0,
            "" if active else "activate the members who are to be called, in the CallerDesk panel",
        ),
        Finding(
            f"callerdesk: coins {', '.join(f'{k} {v}' for k, v in balance.coins.items()) or 'not told'}", True
        ),
    ]
    used = {connection.deskphone for connection in house.connections.values()}
    for deskphone in sorted(used):
        known = deskphone in deskphones
        advice = "" if known else "write it exactly as the panel lists it, its leading 0 kept"
        found.append(Finding(f"callerdesk: deskphone {mask(deskphone)} is in the account", known, advice))
    return found


def doctor(house: House) -> list[Finding]:
    """Look for what a person has to see."""
    health, journal = house.journal.health(), house.journal
    paused = journal.flag("paused") is not None
    found = [
        Finding("database answers", True),
        Finding(
            f"{health['stuck']} stuck calls",
            health["stuck"] == 0,
            "start `connector serve`: it takes them up",
        ),
        Finding(
            f"{health['dead']} activities given up",
            health["dead"] == 0,
            "`connector calls list`, mend the reason, then `connector calls replay ID`",
        ),
        Finding(
            f"{health['unknown']} calls of unclear fate",
            health["unknown"] == 0,
            "look them up in CallerDesk's panel before calling those customers again",
        ),
        Finding(f"{health['behind']} activities still to be written", True),
        Finding(
            "dialling is paused" if paused else "dialling is on",
            not paused,
            "`connector resume` ends the pause",
        ),
    ]
    found += _places(house)
    for name, connection in house.connections.items():
        connection.mapping.current()
        problem = connection.mapping.problem
        advice = (
            f"the last good version stays in use until it is mended: {problem.message}" if problem else ""
        )
        found.append(Finding(f"{name}: mapping file is valid", problem is None, advice))
    return [finding if not finding.ok else Finding(finding.what, True) for finding in found]


def _places(house: House) -> list[Finding]:
    """Whether the links of the latest calls can play."""
    rules = house.settings.recordings
    ours = rules.ours(house.settings.public_url)
    latest = house.journal.latest(_LATEST) if ours else []
    urls = [call.ending.recording_url for call in latest if call.ending]
    closed = [host_of(url) for url in urls if url and rules.place(url) is None]
    where = f" ({', '.join(sorted(set(closed)))})" if closed else ""
    return [
        Finding(
            f"{len(closed)} recordings lie where they may not be fetched{where}",
            not closed,
            "add the host to recordings.hosts if it is CallerDesk's; plain http is never asked",
        )
    ]


def plain(findings: list[Finding]) -> dict[str, Any]:
    """Findings as plain data."""
    return {
        "ok": all(finding.ok for finding in findings),
        "findings": [
            {"what": finding.what, "ok": finding.ok, "advice": finding.advice} for finding in findings
        ],
    }


def echo(house: House, findings: list[Finding]) -> None:
    """Findings for a person."""
    mappings = ", ".join(
        f"{name} ({connection.mapping.path.name} {connection.mapping.current().version})"
        for name, connection in house.connections.items()
    )
    cli.echo(f"ok    manifest and mappings: {mappings}")
    for finding in findings:
        mark = "ok  " if finding.ok and not finding.advice else "note" if finding.ok else "MEND"
        advice = f" – {finding.advice}" if finding.advice and (mark != "ok  ") else ""
        cli.echo(f"{mark}  {finding.what}{advice}")
