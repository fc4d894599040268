"""docs/operating.md, the Dockerfile and the changelog agree with the service as it is."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from manifests import house_of
from pages import ROOT, blocks, column, tables
from test_docs_readme import _why_not

from connector import __version__, outcomes, timeline
from connector.callerdesk import CallerDesk
from connector.cli import checking
from connector.crms import REGISTRY
from connector.dispatcher import Dispatcher
from connector.flow import DIAL_LEASE, READ_LEASE
from connector.settings import ClicksSchema
from connector.signatures import SCHEMES, WINDOW
from connector.verdicts import NOT_PLACED_REST
from connector.web import create_app
from connector.web.answers import LINK_SECONDS

PAGE = ROOT / "docs" / "operating.md"
TEXT = PAGE.read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
TABLES = tables(PAGE)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """The web side over an empty journal."""
    house = house_of("database_url: sqlite:///calls.db\n", tmp_path)
    house.journal.open()
    dispatcher = Dispatcher(house.flow)
    yield create_app(house, dispatcher).test_client()
    dispatcher.stop()
    house.close()


def test_every_address_of_the_service_that_is_named_answers(client: FlaskClient) -> None:
    addresses = [name for name in column(TABLES["Watch it"]) if name.startswith("/")]
    assert len(addresses) == 4
    assert {client.get(address).status_code for address in addresses} == {200}


def test_every_metric_is_told_with_its_labels(client: FlaskClient) -> None:
    text = client.get("/metrics").get_data(as_text=True)
    names = set(re.findall(r"^# HELP (\w+)", text, re.M))
    labels = dict(re.findall(r"^(\w+)\{(\w+)=", text, re.M))
    told = [line.split("`")[1] for line in TEXT.splitlines() if line.startswith("| `connector_")]
    assert sorted(told) == sorted(f"{name}{{{labels[name]}}}" if name in labels else name for name in names)
    kinds = set(re.findall(r'^connector_attention\{kind="(\w+)"', text, re.M))
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| `connector_attention")]
    assert kinds <= set(re.findall(r"`(\w+)`", row))


def test_what_doctor_says_is_explained(tmp_path: Path) -> None:
    house = house_of("database_url: sqlite:///calls.db\n", tmp_path)
    house.journal.open()
    said = [finding.what for finding in checking.doctor(house)]
    house.journal.set_flag("paused", "test")
    said += [finding.what for finding in checking.doctor(house)]
    house.close()
    told = column(TABLES["What a day looks like"])
    for each in told:
        assert any(each in what for what in said), each
    unexplained = [what for what in said if not any(each in what for each in told)]
    assert set(unexplained) == {"database answers", "dialling is on"}


def test_the_unit_the_image_and_the_proxy_start_what_there_is() -> None:
    (unit,) = [block.text for block in blocks(PAGE, "ini") if "[Service]" in block.text]
    (started,) = re.findall(r"^ExecStart=\S+/(connector .*)$", unit, re.M)
    (run,) = re.findall(r"^CMD \[(.*)\]$", DOCKERFILE, re.M)
    for command in (started, run.replace('", "', " ").strip('"')):
        assert command.startswith("connector serve") and _why_not(command) is None
    (proxy,) = [block.text for block in blocks(PAGE, "nginx")]
    (wait,) = re.findall(r"proxy_read_timeout (\d+)s", proxy)
    (longest,) = ClicksSchema().fields["wait"].validators  # type: ignore[misc]
    assert int(wait) > longest.max  # type: ignore[attr-defined]
    assert "access_log off;" in proxy and "proxy_next_upstream off;" in proxy


def test_the_image_runs_as_nobody_special_and_holds_no_secret() -> None:
    lines = DOCKERFILE.splitlines()
    assert "FROM python:3.11-slim" in lines
    user, command = (
        lines.index("USER connector"),
        next(n for n, line in enumerate(lines) if line.startswith("CMD")),
    )
    assert user < command
    assert set(re.findall(r"([A-Z_]+)=", DOCKERFILE)) == {"CONNECTOR_MANIFEST", "DATABASE_URL"}
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.M) for word in line.split()}
    assert copied == {"setup.cfg", "pyproject.toml", "README.md", "connector"}
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["metadata"]["long_description"] == "file: README.md"


def test_the_times_it_names_are_those_of_the_code() -> None:
    assert timedelta(days=7) == timeline.WRITE_FOR and "for seven days; then given up" in FLAT
    assert timeline.WRITE_RESTS[:4] == (1, 3, 10, 30) and "after 1, 3, 10, 30… seconds, up to an hour" in FLAT
    assert timeline.WRITE_RESTS[-1] == 3600
    assert timedelta(hours=6) == outcomes.UNKNOWN_FOR and "for six hours" in FLAT
    assert outcomes.UNKNOWN_RESTS[0] == 10 and "looked up after 10 seconds" in FLAT
    assert outcomes.REPORT_RESTS[0] == 150 and "first two and a half minutes after the dial" in FLAT
    assert timedelta(days=1) == outcomes.REPORT_FOR
    assert timedelta(seconds=5) == NOT_PLACED_REST and "tries every 5 seconds" in FLAT
    assert LINK_SECONDS == 7 * 24 * 3600 and "opens that one call, for seven days" in FLAT
    assert (timedelta(seconds=15), timedelta(seconds=90)) == (DIAL_LEASE, timeline.WRITE_LEASE)
    assert READ_LEASE < timeline.WRITE_LEASE and "another host's after 15 to 90 seconds" in FLAT
    assert WINDOW == 300 and "refused beyond 300 seconds" in FLAT


def test_the_changelog_begins_with_this_version_and_names_the_vendors() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.findall(r"^## \[([^]]+)\]", text, re.M)[0]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert first == __version__ == config["metadata"]["version"]
    assert "### Security" in text
    vendors = {name.lower() for name in re.findall(r"^- \*\*(\w+):\*\*", text, re.M)}
    assert vendors == {*REGISTRY, CallerDesk.__name__.lower()}
    assert len(SCHEMES) == 12 and "Twelve schemes" in text
