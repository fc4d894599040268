"""`forget`, `export` and `erase`: what is held of a person, and for how long."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click as cli

from connector import phone
from connector.cli import show
from connector.cli.opening import admin, json_option, manifest_option, opened_house
from connector.errors import ConnectorError
from connector.journal import Transaction, audit, compacting, erasing, holdings, privacy
from connector.journal.numbers import OneNumber
from connector.redact import mask

_IN_FULL = (
    "This holds phone numbers in full, also those of the people at the other end: "
    "hand it to nobody but the person who asked, and delete it afterwards."
)


@cli.command()
@cli.argument("number")
@manifest_option
@json_option
def forget(number: str, manifest: Path, as_json: bool) -> None:
    """Take a person's number out of everything that is kept; their rows are erased when they may be."""
    with opened_house(manifest) as house:
        person = _person(number)

        def note(tx: Transaction, detail: str) -> None:
            audit.note(tx, admin(), "forget", mask(person.e164), detail)

        done = privacy.forget(house.journal, person, note)
        compacted = compacting.compact(house.journal.database)
        on_sqlite = house.journal.database.is_sqlite
    if as_json:
        show.as_json(
            {
                "number": mask(person.e164),
                "calls": done.calls,
                "webhooks": done.reports,
                "calls_with_it_in_their_keys": done.keys,
                "come_again": done.come_again,
                "file_compacted": compacted,
            }
        )
        return
    cli.echo(
        f"{mask(person.e164)} is forgotten: {done.calls} calls and {done.reports} webhooks were changed."
    )
    if done.keys:
        cli.echo(
            f"{done.keys} calls hold it in an id of the CRM or of a delivery. Repeats are recognised by "
            "these, so they stay until the calls are erased."
        )
    if done.come_again:
        cli.echo(
            "The last call is not a day old: CallerDesk may still report on it. Run this again tomorrow."
        )
    if not on_sqlite:
        cli.echo("PostgreSQL drops the old rows from its files at its next vacuum. Backups keep them, too.")
    elif compacted:
        cli.echo("The database file was written anew, so it holds nothing of it. Backups still do.")
    else:
        cli.echo("Another process was reading: the log beside the database may hold it. Run this again.")


@cli.command()
@cli.argument("number")
@cli.option(
    "--output",
    type=cli.Path(dir_okay=False, writable=True, path_type=Path),
    help="File to write, readable by you only; without it everything is printed.",
)
@manifest_option
def export(number: str, output: Path | None, manifest: Path) -> None:
    """Tell as JSON all that is held of a person. The one place where numbers are shown IN FULL."""
    with opened_house(manifest) as house:
        person = _person(number)
        found = holdings.export(house.journal, person)
        detail = f"{len(found['calls'])} calls, {len(found['webhooks'])} webhooks"
        # Before anything is shown: who cannot be written down is shown nothing.
        audit.record(house.journal, admin(), "export", mask(person.e164), detail)
        text = json.dumps(found | {"note": _IN_FULL}, indent=2, ensure_ascii=False)
        if output is None:
            cli.echo(text)
        else:
            _write_for_owner(output, text + "\n")
            cli.echo(f"{detail} of {mask(person.e164)} are in {output}.", err=True)
    cli.echo(_IN_FULL, err=True)


@cli.command()
@manifest_option
@json_option
def erase(manifest: Path, as_json: bool) -> None:
    """Erase now what is older than `retention` says; `serve` does it once a day."""
    with opened_house(manifest) as house:
        keep = house.settings.retention
        erased = erasing.erase(house.journal, keep, admin())
    if as_json:
        show.as_json(
            {
                "days": keep.days,
                "calls": erased.calls,
                "webhooks": erased.reports,
                "mapping_versions": erased.mapping_versions,
            }
        )
    else:
        cli.echo(f"Erased what is older than {keep.days} days: {erased}.")


def _person(number: str) -> OneNumber:
    return OneNumber(phone.read(number).e164)


def _write_for_owner(path: Path, text: str) -> None:
    try:
        # A file that is there keeps its mode when it is opened: it must not be one that others may read.
        path.unlink(missing_ok=True)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        sentence = f"The export cannot be written to {path}: {error.strerror}."
        raise ConnectorError("export_not_written", sentence) from None
