"""The house is built from its settings, and every fault of every file is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_settings import ENVIRON, MANIFEST

from connector import redact, settings
from connector.assembly import House, build
from connector.errors import ConfigError
from connector.sandbox.stage import MAPPING


def house(folder: Path, text: str = MANIFEST) -> House:
    (folder / "shop.yaml").write_text(MAPPING.read_text())
    (folder / "manifest.yaml").write_text(text)
    return build(settings.load(folder / "manifest.yaml", ENVIRON), worker="w1")


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        house(folder, text)
    return [f"{each.line}: {each.message}" for each in caught.value.problems]


def test_every_part_meets_the_others(tmp_path: Path) -> None:
    built = house(tmp_path)
    shop = built.connections["shop"]
    assert built.flow.journal is built.journal
    assert built.flow.connections is built.connections
    assert (shop.crm.name, shop.deskphone, shop.wait, shop.region) == ("rest", "08060000001", 8.0, "IN")
    assert built.flow.token().startswith("w1.")
    assert not (tmp_path / "connector.db").exists()  # the journal is opened by whoever needs it
    built.close()


def test_a_connections_policy_stands_over_the_common_one(tmp_path: Path) -> None:
    text = MANIFEST + "    policy: {expire_after: 30}\npolicy: {expire_after: 90, recall_gap: 5}\n"
    policy = house(tmp_path, text).connections["shop"].policy
    assert (policy.expire_after, policy.recall_gap) == (30, 5)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("crm: rest", "crm: rset", "7: unknown crm 'rset'; did you mean 'rest'?"),
        ("crm: rest", "crm: 42", "7: "),
        ("auth: bearer,", "auth: baerer,", "11: unknown auth 'baerer'"),
        ("mapping: shop.yaml", "mapping: none.yaml", "1: the file cannot be read"),
        ('    base_url: "http://127.0.0.1:9"\n', "", "6: "),
        ("    base_url:", "    bse_url:", "did you mean 'base_url'"),
        ("callerdesk:\n", "policy: {expire_afer: 5}\ncallerdesk:\n", "2: "),
    ],
)
def test_it_names_line_and_fault(tmp_path: Path, written: str, instead: str, said: str) -> None:
    assert written in MANIFEST
    told = faults(tmp_path, MANIFEST.replace(written, instead, 1))
    assert any(said in fault for fault in told), told


def test_a_secret_that_can_never_arrive_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, MANIFEST.replace("${CLICK_SECRET}", "with a space"))
    assert fault.startswith("11: ")


def test_a_mapping_of_another_crm_is_refused(tmp_path: Path) -> None:
    odoo = MAPPING.parents[2] / "mappings" / "odoo.yaml"
    (fault,) = faults(tmp_path, MANIFEST.replace("shop.yaml", str(odoo)))
    assert "is a mapping for 'odoo', not for 'rest'" in fault


def test_it_tells_the_faults_of_all_connections_at_once(tmp_path: Path) -> None:
    second = MANIFEST.partition("connections:\n")[2].replace("shop:", "other:")
    text = (MANIFEST + second).replace("crm: rest", "crm: rset").replace("${CLICK_SECRET}", "a b")
    assert len(faults(tmp_path, text)) >= 2


def test_a_fault_of_the_common_policy_is_told_once(tmp_path: Path) -> None:
    second = MANIFEST.partition("connections:\n")[2].replace("shop:", "other:")
    (fault,) = faults(tmp_path, MANIFEST + second + "policy: {recall_gap: x}\n")
    assert "recall_gap" in fault or fault.startswith("18: ")


def test_the_credentials_of_an_adapter_are_kept_out_of_log_lines(tmp_path: Path) -> None:
    house(tmp_path)
    assert "made-up-key" not in redact.scrub("Authorization: Bearer made-up-key")
