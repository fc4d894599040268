"""A manifest and the environment become settings, or the connector says at once everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector import redact, settings
from connector.errors import ConfigError

ENVIRON = {
    "AUTHCODE": "made-up-authcode-1",
    "CLICK_SECRET": "made-up-secret-0123456789",
    "CRM_KEY": "made-up-key",
}
MANIFEST = """\
name: lab
callerdesk:
  authcode: "${AUTHCODE}"
  deskphone: "08060000001"
connections:
  shop:
    crm: rest
    mapping: shop.yaml
    base_url: "http://127.0.0.1:9"
    auth: {bearer: "${CRM_KEY}"}
    clicks: {auth: bearer, secrets: ["${CLICK_SECRET}"]}
"""


def load(folder: Path, text: str = MANIFEST, **environ: str) -> settings.Settings:
    (folder / "manifest.yaml").write_text(text, encoding="utf-8")
    return settings.load(folder / "manifest.yaml", {**ENVIRON, **environ})


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.problems]


def test_it_fills_in_secrets_and_defaults(tmp_path: Path) -> None:
    told = load(tmp_path)
    shop = told.connections["shop"]
    assert told.callerdesk["authcode"] == ENVIRON["AUTHCODE"]
    assert told.callerdesk["base_url"] == "https://app.callerdesk.io/api/"
    assert (shop.clicks.secrets, shop.clicks.wait) == ((ENVIRON["CLICK_SECRET"],), 8.0)
    assert shop.deskphone == "08060000001"
    assert shop.mapping == tmp_path / "shop.yaml"
    assert shop.own == {"base_url": "http://127.0.0.1:9", "auth": {"bearer": "made-up-key"}}


def test_a_database_file_stands_beside_the_manifest_wherever_it_is_run_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert load(tmp_path).database_url == f"sqlite:///{tmp_path}/connector.db"


@pytest.mark.parametrize("url", ["postgresql://db.example.com/connector", "sqlite:////srv/calls.db"])
def test_the_environment_names_the_database_if_it_likes(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, DATABASE_URL=url).database_url == url


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("made-up-from-a-file\n")
    told = load(tmp_path, CRM_KEY="", CRM_KEY_FILE=str(tmp_path / "secret"))
    assert told.connections["shop"].own["auth"] == {"bearer": "made-up-from-a-file"}


def test_a_variable_that_is_not_set_is_one_fault_with_its_place(tmp_path: Path) -> None:
    assert faults(tmp_path, MANIFEST, AUTHCODE="") == [
        "3:13: the environment has neither AUTHCODE nor AUTHCODE_FILE: set one of them"
    ]


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_secret_file_that_is_missing_or_empty_is_a_fault(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    (fault,) = faults(tmp_path, MANIFEST, CRM_KEY="", CRM_KEY_FILE=str(tmp_path / "secret"))
    assert fault.startswith("10:20: the file that CRM_KEY_FILE names ")


def test_it_tells_every_fault_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        MANIFEST.replace("name: lab", "nam: lab")
        .replace("deskphone:", "deskfone:")
        .replace("auth: bearer,", "auth: bearer, wait: 1000,")
    )
    told = faults(tmp_path, text)
    assert [fault.split(":")[0] for fault in told] == sorted((fault.split(":")[0] for fault in told), key=int)
    for word in ("'nam'", "'deskfone'", "deskphone", "wait"):
        assert any(word in fault for fault in told), (word, told)
    assert any("did you mean" in fault for fault in told)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('deskphone: "08060000001"', 'deskphone: "0806 000 0001"'),
        ('base_url: "http://127.0.0.1:9"\n', 'base_url: "http://127.0.0.1:9"\n    policy: 5\n'),
        ("name: lab", 'name: lab\npublic_url: "http://example.com"'),
        ('authcode: "${AUTHCODE}"', 'authcode: "${AUTHCODE}"\n  webhook_token: short'),
        ('authcode: "${AUTHCODE}"', 'authcode: "${AUTHCODE}"\n  base_url: "ftp://example.com"'),
        ('secrets: ["${CLICK_SECRET}"]', "secrets: []"),
        ('secrets: ["${CLICK_SECRET}"]', 'secrets: ["${CLICK_SECRET}"], source: robot'),
        ("  shop:\n", "  a shop/../x:\n"),
    ],
)
def test_it_refuses_what_cannot_work(tmp_path: Path, written: str, instead: str) -> None:
    assert written in MANIFEST
    assert len(faults(tmp_path, MANIFEST.replace(written, instead))) == 1


def test_a_manifest_without_connections_is_no_manifest(tmp_path: Path) -> None:
    assert faults(tmp_path, MANIFEST.partition("connections:")[0])


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_manifest_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manifest.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="the manifest cannot be read"):
        settings.load(path, {})


def test_what_was_loaded_shows_no_secret_and_no_log_line_does(tmp_path: Path) -> None:
    told = load(tmp_path)
    shown = f"{told!r} {told.connections!r}"
    for secret in ("made-up-authcode-1", "made-up-secret-0123456789"):
        assert secret not in shown
        assert secret not in redact.scrub(f"the secret is {secret}!")


def test_both_halves_of_a_user_and_password_stay_out_of_log_lines() -> None:
    settings.register_secrets(["somebody:made-up-password", None])
    assert redact.scrub("made-up-password, somebody:made-up-password") == "[secret], [secret]"
