"""manifest.yaml and the environment become Settings, or the connector refuses to start and says why.

The manifest says what is connected and holds everything but secrets; `${NAME}` in any of its texts is filled
from the environment variable NAME, or from the file that NAME_FILE names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate

from connector import addresses, redact, yamlfile
from connector.errors import ConfigError, Problem
from connector.http import checked_base_url
from connector.recordings import RecordingRules, RecordingsSchema, rules_of
from connector.retention import Retention, RetentionSchema

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: Keys of a connection that are not the adapter's own.
COMMON_KEYS = ("crm", "mapping", "clicks", "policy", "deskphone", "members")


def _base_url(value: str) -> None:
    try:
        checked_base_url(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _private_network(value: str) -> None:
    try:
        addresses.networks([value])
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _address(value: str) -> None:
    # Compared as text with the address of each connection.
    if str(addresses.literal(value)) != value:
        raise ValidationError(f"{value!r} is no address such as 127.0.0.1: names may point anywhere")


class CallerDeskSchema(Schema):
    """Section `callerdesk:` of the manifest."""

    class Meta:
        unknown = RAISE

    base_url = fields.String(
        load_default="https://app.callerdesk.io/api/",
        validate=_base_url,
        metadata={"description": "Address of CallerDesk's API, or of a white label's"},
    )
    endpoint = fields.String(
        load_default="click_to_call_v3",
        validate=validate.Regexp(r"^[A-Za-z0-9_/-]+$"),
        metadata={"description": "Name of the reverse click-to-call endpoint under the base URL"},
    )
    authcode = fields.String(
        required=True, validate=validate.Length(min=1), metadata={"description": "API key of the account"}
    )
    deskphone = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9]{5,15}$", error="write the digits just as the panel lists them"),
        metadata={"description": "Default deskphone (DID), exactly as the panel lists it"},
    )
    webhook_token = fields.String(
        load_default=None,
        validate=validate.Length(min=16),
        metadata={"description": "Last part of the address CallerDesk's webhooks are sent to"},
    )
    timeout = fields.Float(
        load_default=6.5,
        validate=validate.Range(min=0.5, max=10),
        metadata={"description": "Seconds to wait for CallerDesk's answer to a dial"},
    )


class ClicksSchema(Schema):
    """Section `clicks:` of a connection: how its clicks are authenticated and answered."""

    class Meta:
        unknown = RAISE

    auth = fields.String(required=True, metadata={"description": "Scheme every click is checked by"})
    secrets = fields.List(
        fields.String(validate=validate.Length(min=1)),
        required=True,
        validate=validate.Length(min=1),
        metadata={"description": "Secrets that are accepted; several while one is being replaced"},
    )
    header = fields.String(
        load_default=None, metadata={"description": "Header that holds the secret or signature"}
    )
    source = fields.String(
        load_default=None,
        validate=validate.OneOf(["button", "rule"]),
        metadata={"description": "Who clicks when the body does not say"},
    )
    organization_id = fields.String(
        load_default=None, metadata={"description": "Salesforce organisation that may send Outbound Messages"}
    )
    wait = fields.Float(
        load_default=8.0,
        validate=validate.Range(min=0, max=100),
        metadata={"description": "Seconds a button's answer waits for the verdict"},
    )


class ConnectionSchema(Schema):
    """One entry of `connections:`; keys beside these are the adapter's own and checked by it."""

    class Meta:
        unknown = INCLUDE

    crm = fields.String(required=True, metadata={"description": "Which CRM this is"})
    mapping = fields.String(required=True, metadata={"description": "Mapping file, seen from the manifest"})
    clicks = fields.Nested(ClicksSchema, required=True)
    policy = fields.Dict(
        load_default=dict, metadata={"description": "Overrides the manifest's policy key by key"}
    )
    deskphone = fields.String(
        load_default=None,
        validate=validate.Regexp(r"^[0-9]{5,15}$"),
        metadata={"description": "Deskphone of its own"},
    )
    members = fields.Dict(
        keys=fields.String(validate=validate.Length(min=1)),
        values=fields.String(validate=validate.Length(min=1)),
        load_default=dict,
        metadata={"description": "CRM user's id, login or e-mail -> his member number"},
    )


_NAME = validate.Regexp(r"^[a-z][a-z0-9_-]*$", error="use small letters, digits, - and _")


class ManifestSchema(Schema):
    """manifest.yaml as a whole."""

    class Meta:
        unknown = RAISE

    name = fields.String(load_default="callerdesk-connector")
    database_url = fields.String(
        load_default="sqlite:///connector.db", metadata={"description": "DATABASE_URL overrides it"}
    )
    public_url = fields.String(
        load_default=None,
        validate=_base_url,
        metadata={"description": "Address people reach this connector at; links in answers begin with it"},
    )
    callerdesk = fields.Nested(CallerDeskSchema, required=True)
    connections = fields.Dict(
        keys=fields.String(validate=_NAME),
        values=fields.Nested(ConnectionSchema),
        required=True,
        validate=validate.Length(min=1),
    )
    policy = fields.Dict(
        load_default=dict, metadata={"description": "What may ring when; see the policy page"}
    )
    retention = fields.Nested(
        RetentionSchema, load_default=dict, metadata={"description": "How long calls are kept"}
    )
    recordings = fields.Nested(
        RecordingsSchema,
        load_default=dict,
        metadata={"description": "Links to recordings, and where these may be fetched"},
    )
    trusted_proxy = fields.String(
        load_default=None,
        validate=_address,
        metadata={"description": "Address of the proxy in front, which says whom a request comes from"},
    )
    allow_private_addresses = fields.List(
        fields.String(validate=_private_network),
        load_default=list,
        metadata={"description": "Private addresses and networks that base URLs may lead to"},
    )


@dataclass(frozen=True, slots=True)
class Clicks:
    """How one connection's clicks come in."""

    auth: str
    secrets: tuple[str, ...] = field(repr=False)
    header: str | None
    source: str | None
    organization_id: str | None
    wait: float


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One connection as the manifest has it; `own` is for the adapter to check."""

    name: str
    crm: str
    mapping: Path
    clicks: Clicks
    policy: Mapping[str, Any]
    deskphone: str
    #: CRM user's id, login or e-mail as the manifest has it -> member number as typed.
    members: Mapping[str, str] = field(repr=False)
    own: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the connector was told."""

    name: str
    database_url: str = field(repr=False)
    public_url: str | None
    callerdesk: Mapping[str, Any] = field(repr=False)
    connections: Mapping[str, ConnectionSettings]
    policy: Mapping[str, Any]
    retention: Retention
    recordings: RecordingRules
    trusted_proxy: str | None
    #: Private networks that base URLs may lead to.
    named: tuple[addresses.Network, ...]
    document: yamlfile.Document = field(repr=False)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a manifest; ConfigError with every fault at once, each with line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError([Problem(str(path), 1, 1, f"the manifest cannot be read: {reason}")]) from None
    document = yamlfile.load(text, str(path))
    faults: list[Problem] = []
    data = _filled(document.data, (), document, environ, faults)
    schema = ManifestSchema()
    # A variable that is not set is one fault, not also a wrong value.
    unset = {problem.line for problem in faults}
    try:
        loaded = schema.load(data)
    except ValidationError as error:
        told = yamlfile.problems(document, error.messages, schema)
        faults += [problem for problem in told if problem.line not in unset]
    if faults:
        raise ConfigError(sorted(faults, key=lambda problem: (problem.line, problem.column)))
    return _settings(loaded, document, path.parent, environ)


def _settings(
    data: Mapping[str, Any], document: yamlfile.Document, folder: Path, environ: Mapping[str, str]
) -> Settings:
    callerdesk = data["callerdesk"]
    register_secrets([callerdesk["authcode"], callerdesk["webhook_token"]])
    connections = {}
    for name, entry in data["connections"].items():
        clicks = Clicks(**{**entry["clicks"], "secrets": tuple(entry["clicks"]["secrets"])})
        register_secrets(clicks.secrets)
        connections[name] = ConnectionSettings(
            name=name,
            crm=entry["crm"],
            mapping=folder / entry["mapping"],
            clicks=clicks,
            policy=entry["policy"],
            deskphone=entry["deskphone"] or callerdesk["deskphone"],
            members=entry["members"],
            own={key: value for key, value in entry.items() if key not in COMMON_KEYS},
        )
    return Settings(
        name=data["name"],
        database_url=environ.get("DATABASE_URL") or _database(folder, data["database_url"]),
        public_url=data["public_url"],
        callerdesk=callerdesk,
        connections=connections,
        policy=data["policy"],
        retention=Retention(**data["retention"]),
        recordings=rules_of(data["recordings"]),
        trusted_proxy=data["trusted_proxy"],
        named=addresses.networks(data[addresses.SETTING]),
        document=document,
    )


def register_secrets(values: Iterable[str | None]) -> None:
    """Keep these values, and the two halves of a `user:password`, out of every log line."""
    for value in values:
        redact.register_secret(value)
        if value and ":" in value:
            redact.register_secret(value.partition(":")[2])


def _database(folder: Path, url: str) -> str:
    """A relative SQLite file stands beside the manifest, wherever the command is run from."""
    scheme, separator, name = url.partition(":///")
    if scheme == "sqlite" and separator and name and not name.startswith("/"):
        return f"sqlite:///{(folder / name).resolve()}"
    return url


def _filled(
    value: Any,
    path: yamlfile.Path,
    document: yamlfile.Document,
    environ: Mapping[str, str],
    faults: list[Problem],
) -> Any:
    """The data with every `${NAME}` filled in; a fault for each that is not set."""
    if isinstance(value, dict):
        return {key: _filled(item, (*path, key), document, environ, faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, (*path, index), document, environ, faults) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        try:
            return _variable(name, environ)
        except LookupError as missing:
            faults.append(document.problem(path, str(missing.args[0]), value=True))
            return found.group(0)

    return _VARIABLE.sub(fill, value)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if environ.get(name):
        return environ[name]
    file = environ.get(f"{name}_FILE")
    if not file:
        raise LookupError(f"the environment has neither {name} nor {name}_FILE: set one of them")
    try:
        text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise LookupError(f"the file that {name}_FILE names cannot be read") from None
    if not text:
        raise LookupError(f"the file that {name}_FILE names is empty")
    return text
