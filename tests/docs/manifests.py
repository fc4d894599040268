"""Examples of the pages made whole: what they leave out is filled in, nothing that they say is changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pages import ROOT

from connector import settings
from connector.assembly import House, build
from connector.mapping.schema import MappingSchema, ObjectSchema
from connector.settings import ManifestSchema

_CALLERDESK = 'callerdesk: {authcode: "${CALLERDESK_AUTHCODE}", deskphone: "01200000002"}\n'
_CONNECTIONS = """\
connections:
  shop:
    crm: rest
    mapping: mappings/rest.yaml
    base_url: "https://shop.example.com"
    auth: {bearer: "${SHOP_KEY}"}
    clicks: {auth: bearer, secrets: ["${SHOP_CLICK_SECRET}"]}
"""
_REQUESTS = """\
requests:
  read:   {get: "/contacts/{click.id}"}
  owner:  record.owner
  user:   {get: "/users/{click.user}"}
  create: {post: "/activities"}
  update: {patch: "/activities/{activity.id}"}
"""
_PARTIES = {
    "calling_party_a": "    calling_party_a: record.phone\n",
    "calling_party_b": "    calling_party_b: owner.phone\n",
}
_OBJECTS = "objects:\n  Contact:\n" + "".join(_PARTIES.values())
_ACTIVITY = "activity: {fields: {text: call.story}}\n"


def _keys(text: str) -> set[str]:
    read: Any = yaml.load(text, Loader=yaml.BaseLoader)
    return set(read) if isinstance(read, dict) else set()


def _data_keys(schema: Any) -> set[str]:
    return {field.data_key or name for name, field in schema().fields.items()}


def whole(text: str) -> str | None:
    """An example of a manifest with the sections it leaves out, None when it is no manifest."""
    keys = _keys(text)
    if not keys or not keys <= set(ManifestSchema().fields):
        return None
    missing = {"callerdesk": _CALLERDESK, "connections": _CONNECTIONS}
    return "".join(section for name, section in missing.items() if name not in keys) + text


def house_of(text: str, folder: Path) -> House:
    """Everything an example of a manifest stands for, put together; ConfigError when anything is wrong."""
    filled = whole(text)
    assert filled is not None, "not a manifest"
    (folder / "mappings").symlink_to(ROOT / "mappings")
    manifest = folder / "manifest.yaml"
    manifest.write_text(filled, encoding="utf-8")
    names = re.findall(r"\$\{(\w+)\}", filled)
    return build(settings.load(manifest, {name: f"made-up-value-of-{name}" for name in names}))


def mapping_of(text: str) -> str | None:
    """An example of a mapping file, or of a part of one, as a whole file; None when it is neither."""
    keys = _keys(text)
    if keys and keys <= _data_keys(ObjectSchema):
        parties = "".join(line for name, line in _PARTIES.items() if name not in keys)
        indented = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
        text, keys = f"objects:\n  Contact:\n{parties}{indented}", {"objects"}
    if not keys or not keys <= _data_keys(MappingSchema):
        return None
    missing = {"requests": _REQUESTS, "objects": _OBJECTS, "activity": _ACTIVITY}
    if "crm" in keys:
        # A whole file already: only a part of one is completed.
        missing = {}
    return (
        ("" if "crm" in keys else "crm: rest\n")
        + "".join(section for name, section in missing.items() if name not in keys)
        + text
    )
