"""What every command shares: its manifest, the house it opens, how a fault ends it, and who runs it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click as cli

from connector import redact, settings
from connector.assembly import House, build
from connector.errors import ConfigError, ConnectorError

manifest_option = cli.option(
    "--manifest",
    type=cli.Path(dir_okay=False, path_type=Path),
    default="manifest.yaml",
    envvar="CONNECTOR_MANIFEST",
    show_default=True,
    help="The manifest to use.",
)
json_option = cli.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def opened_house(manifest: Path, *, journal: bool = True) -> Iterator[House]:
    """The house of a manifest, its journal open; faults are printed and end the command with 1."""
    try:
        house = build(settings.load(manifest))
        if journal:
            house.journal.open()
    except ConnectorError as error:
        fail(error)
    try:
        yield house
    except ConnectorError as error:
        fail(error)
    finally:
        house.close()


def fail(error: ConnectorError) -> NoReturn:
    """Print what is wrong, every line masked, and end the command with 1."""
    lines = (
        [str(problem) for problem in error.problems] if isinstance(error, ConfigError) else [error.message]
    )
    for line in lines:
        cli.echo(redact.scrub(line), err=True)
    raise cli.exceptions.Exit(1)


def admin() -> str:
    """Who runs this command: the operating system's user, and who signed in when that is another."""
    name = _user_name(os.getuid())
    try:
        signed_in = os.getlogin()
    except OSError:  # no terminal: a timer, a container
        return name
    return name if signed_in == name else f"{name} (signed in as {signed_in})"


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
