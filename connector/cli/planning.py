"""`plan` and `backtest`: what would happen, with nothing ringing and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click as cli

from connector import mapping as mappings
from connector.assembly import House
from connector.connection import Connection
from connector.errors import ConnectorError
from connector.journal.privacy import is_forgotten
from connector.mapping.backtest import compare, summary
from connector.model import Call, CallPlan, Click, Record, Source, State
from connector.policy import verdicts
from connector.redact import scrub_value


def dry_run(
    house: House, connection_name: str, object: str, record_id: str, user: str | None, source: str
) -> dict[str, Any]:
    """Both legs, each guard's verdict, the masked request and the exact CRM write, as plain data."""
    connection = house.connections[connection_name]
    click = Click(connection_name, object, record_id, Source(source), user)
    now = house.journal.now()
    call = Call(
        id="(the call's id)",
        connection=connection_name,
        click=click,
        state=State.PLANNED,
        accepted_at=now,
        expires_at=now + timedelta(seconds=connection.policy.expire_after),
        mapping_version=connection.mapping.current().version,
    )
    found: dict[str, Any] = {
        "connection": connection_name,
        "object": object,
        "id": record_id,
        "mapping_version": call.mapping_version,
        "would_ring": False,
    }
    try:
        record = house.flow.read(call)
        found["read"] = scrub_value({"record": record.record, "owner": record.owner, "user": record.user})
        plan = house.flow.plan(call, record)
    except ConnectorError as refusal:
        return found | {"code": refusal.code, "message": refusal.message}
    return found | _judged(house, connection, call, plan, record)


def _judged(
    house: House, connection: Connection, call: Call, plan: CallPlan, record: Record
) -> dict[str, Any]:
    with house.journal.ledger() as ledger:
        ask = house.flow.ask(call, plan, house.journal.now())
        guards = verdicts(connection.policy, ask, ledger)
    request = house.callerdesk.masked_request(
        plan.customer,
        plan.member,
        plan.deskphone,
        call_limit=plan.call_limit,
        campid=plan.campid,
        form_deskphone=plan.form_deskphone,
    )
    placed = replace(call, state=State.PLACED, plan=plan, record=record, dialled_at=house.journal.now())
    activity = connection.mapping.current().activity(placed)
    objection = next((guard for guard in guards if not guard.ok), None)
    return {
        "would_ring": objection is None,
        "code": objection.code if objection else None,
        "message": objection.sentence if objection else "Every guard agrees: this call would ring.",
        "trace": [
            {
                "word": choice.word,
                "path": choice.path,
                "value": scrub_value(choice.value),
                "verdict": choice.verdict,
            }
            for choice in plan.trace
        ],
        "guards": [
            {
                "code": guard.code,
                "ok": guard.ok,
                "sentence": guard.sentence,
                "until": guard.until.isoformat() if guard.until else None,
                "overridable": guard.overridable,
            }
            for guard in guards
        ],
        "request": {
            "method": request.method,
            "url": request.url,
            "query": dict(request.query),
            "form": dict(request.form),
        },
        "write": {"object": activity.kind, "key": activity.key_field, "fields": scrub_value(activity.fields)},
    }


def echo(found: Mapping[str, Any]) -> None:
    """A dry run for a person."""
    cli.echo(f"{found['connection']}: {found['object']} {found['id']} (mapping {found['mapping_version']})")
    for root, fields in found.get("read", {}).items():
        for name, value in fields.items():
            cli.echo(f"  read {root}.{name}: {value}")
    for choice in found.get("trace", ()):
        cli.echo(f"  {choice['word']:<16} {choice['path']:<26} {choice['value']:<14} {choice['verdict']}")
    for guard in found.get("guards", ()):
        note = f": {guard['sentence']}" if guard["sentence"] else ""
        cli.echo(f"  {'yes' if guard['ok'] else 'NO '} {guard['code']}{note}")
    if "request" in found:
        request = found["request"]
        query = "&".join(f"{name}={value}" for name, value in request["query"].items())
        cli.echo(f"  would send {request['method']} {request['url']}?{query}")
        for name, value in found["write"]["fields"].items():
            cli.echo(f"  would write {name}: {value}")
    cli.echo(("WOULD RING. " if found["would_ring"] else "WOULD NOT RING. ") + (found.get("message") or ""))


def backtest(house: House, file: Path, last: int, connection_name: str | None) -> dict[str, Any]:
    """The last clicks planned by the mapping in use and by the edited one, and where they differ."""
    edited = mappings.load(file.read_text(encoding="utf-8"), str(file))
    fitting = [
        name
        for name, connection in house.connections.items()
        if connection.mapping.current().crm == edited.crm and connection_name in (None, name)
    ]
    if len(fitting) != 1:
        raise ConnectorError(
            "which_connection",
            f"{len(fitting)} connections use a mapping for {edited.crm!r}: name one with --connection.",
        )
    connection = house.connections[fitting[0]]
    latest = house.journal.latest(last, connection=fitting[0])
    calls = [house.recordings.shown(call) for call in latest if call.record and not is_forgotten(call)]
    differences = compare(
        connection.mapping.current(),
        edited,
        calls,
        default_deskphone=connection.deskphone,
        default_call_limit=connection.policy.call_limit,
        read_number=house.flow.number_reader(connection),
        member_number=connection.member_number(house.members.number_of),
    )
    return {
        "connection": fitting[0],
        "calls": len(calls),
        "summary": summary(differences, len(calls)),
        "differences": [
            {"call": each.call_id, "word": each.what, "before": each.old, "after": each.new}
            for each in differences
        ],
    }


def echo_backtest(found: Mapping[str, Any]) -> None:
    """A back-test for a person."""
    for each in found["differences"]:
        cli.echo(f"  {each['call']}  {each['word']}: {each['before']} -> {each['after']}")
    cli.echo(found["summary"])
