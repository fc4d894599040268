"""The metadata in kits/salesforce: well-formed, complete, and speaking our own click format.

Nothing here deploys it: that takes an org. It holds what can be held without one.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import parse
from salesforce_stand_in import CONTACT_18, USER_18, salesforce

from connector.crms.base import CLICK_KEYS, Hook
from connector.crms.salesforce_check import KEY_FIELD
from connector.model import Source

KIT = Path(__file__).parents[2] / "kits" / "salesforce"
SOURCE = KIT / "force-app" / "main" / "default"
NS = "{http://soap.sforce.com/2006/04/metadata}"
APEX = (SOURCE / "classes" / "CallerDeskCall.cls").read_text()
#: file ending -> type in package.xml, and the root element of the file
TYPES = {
    ".cls-meta.xml": ("ApexClass", "ApexClass"),
    ".field-meta.xml": ("CustomField", "CustomField"),
    ".externalCredential-meta.xml": ("ExternalCredential", "ExternalCredential"),
    ".namedCredential-meta.xml": ("NamedCredential", "NamedCredential"),
    ".js-meta.xml": ("LightningComponentBundle", "LightningComponentBundle"),
    ".permissionset-meta.xml": ("PermissionSet", "PermissionSet"),
    ".quickAction-meta.xml": ("QuickAction", "QuickAction"),
}
FILES = sorted(path for path in KIT.rglob("*.xml"))


def kind_of(path: Path) -> tuple[str, str, str]:
    ending = next(ending for ending in TYPES if path.name.endswith(ending))
    name = path.name.removesuffix(ending)
    if ending == ".field-meta.xml":
        name = f"{path.parts[-3]}.{name}"
    return *TYPES[ending], name


def root(path: Path) -> Element:
    element: Element = parse(path, forbid_dtd=True).getroot()
    return element


def texts(path: Path, tag: str) -> list[str]:
    return [element.text or "" for element in root(path).iter(NS + tag)]


def one(folder: str) -> Path:
    (path,) = (SOURCE / folder).glob("*-meta.xml")
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_well_formed_and_of_the_kind_its_name_says(path: Path) -> None:
    expected = "Package" if path.name == "package.xml" else kind_of(path)[1]
    assert root(path).tag == NS + expected


def test_package_xml_lists_exactly_what_is_there() -> None:
    there: dict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*-meta.xml"):
        kind, _, name = kind_of(path)
        there[kind].add(name)
    listed = {}
    for types in root(KIT / "manifest" / "package.xml").iter(NS + "types"):
        listed[types.findtext(NS + "name") or ""] = {member.text for member in types.iter(NS + "members")}
    assert listed == there


def test_every_source_file_has_its_metadata_beside_it() -> None:
    for path in SOURCE.rglob("*.cls"):
        assert path.with_name(path.name + "-meta.xml").exists()
    for folder in (SOURCE / "lwc").iterdir():
        assert {path.name.partition(".")[2] for path in folder.iterdir()} == {"html", "js", "js-meta.xml"}


def test_one_api_version_is_used_throughout() -> None:
    project = json.loads((KIT / "sfdx-project.json").read_text())
    versions = {project["sourceApiVersion"], *texts(KIT / "manifest" / "package.xml", "version")}
    for path in FILES:
        versions.update(texts(path, "apiVersion"))
    assert versions == {salesforce().account.settings["api_version"]}


def test_the_key_field_is_the_one_the_adapter_checks_for() -> None:
    field = root(SOURCE / "objects" / "Activity" / "fields" / f"{KEY_FIELD}.field-meta.xml")
    told = {element.tag.removeprefix(NS): element.text for element in field}
    assert told["fullName"] == KEY_FIELD
    assert (told["externalId"], told["unique"], told["type"], told["length"]) == (
        "true",
        "true",
        "Text",
        "40",
    )


def test_the_apex_class_posts_keys_our_parser_takes() -> None:
    body = APEX[APEX.index("String bodyOf(") :]
    body = body[: body.index("JSON.serialize")]
    keys = set(re.findall(r"'(\w+)' =>", body)) | set(re.findall(r"\.put\('(\w+)'", body))
    assert keys == {"object", "id", "user", "click_id", "source"}
    assert keys <= set(CLICK_KEYS)
    values = {"object": "Contact", "id": CONTACT_18, "user": USER_18, "click_id": "k1", "source": "button"}
    hook = Hook("POST", json.dumps({key: values[key] for key in keys}).encode(), "application/json", {}, {})
    (click,) = salesforce().parse(hook)
    assert (click.record_id, click.user, click.delivery) == (CONTACT_18, USER_18, "k1")
    assert set(re.findall(r"'(button|rule)'", body)) == set(Source)


def test_the_apex_class_reads_the_words_of_our_answers() -> None:
    assert set(re.findall(r"told\.get\('(\w+)'\)", APEX)) == {"call", "state", "code", "message", "detail"}


def test_the_names_in_one_file_exist_in_the_others() -> None:
    credential = one("externalCredentials").name.partition(".")[0]
    named = one("namedCredentials")
    assert f"'callout:{named.name.partition('.')[0]}'" in APEX
    assert texts(named, "externalCredential") == [credential]
    principals = [
        parameter.findtext(NS + "parameterName")
        for parameter in root(one("externalCredentials")).iter(NS + "externalCredentialParameters")
        if parameter.findtext(NS + "parameterType") == "NamedPrincipal"
    ]
    caller = SOURCE / "permissionsets" / "CallerDesk_Caller.permissionset-meta.xml"
    assert texts(caller, "externalCredentialPrincipal") == [f"{credential}-{principals[0]}"]
    assert texts(caller, "apexClass") == ["CallerDeskCall"]
    for action in (SOURCE / "quickActions").iterdir():
        assert (SOURCE / "lwc" / texts(action, "lightningWebComponent")[0]).is_dir()
    script = (SOURCE / "lwc" / "callerDeskCall" / "callerDeskCall.js").read_text()
    (imported,) = re.findall(r"@salesforce/apex/CallerDeskCall\.(\w+)", script)
    assert re.search(rf"@AuraEnabled\s+public static \w+ {imported}\(", APEX)


def test_the_kit_holds_no_secret_and_no_real_address() -> None:
    (url,) = [text for text in texts(one("namedCredentials"), "parameterValue") if "//" in text]
    assert url.startswith("https://connector.example.com/hooks/")
    assert texts(one("externalCredentials"), "parameterValue") == [
        "{!'Bearer ' & $Credential.CallerDesk_Connector.Secret}"
    ]
