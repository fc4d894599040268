"""The manifests that the CRMs' pages show are whole: nothing in them is refused by the code as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector import settings
from connector.assembly import build

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```yaml\n(connections:.*?)^```$", re.M | re.S)
_CALLERDESK = 'callerdesk: {authcode: "${CALLERDESK_AUTHCODE}", deskphone: "01200000002"}\n'


@pytest.mark.parametrize(
    ("page", "connections"),
    [
        ("dynamics.md", {"dynamics"}),
        ("odoo.md", {"odoo"}),
        ("salesforce.md", {"salesforce", "salesforce-rules"}),
        ("zoho.md", {"zoho"}),
        ("leadsquared.md", {"leadsquared"}),
        ("suitecrm.md", {"suitecrm"}),
        ("dolibarr.md", {"dolibarr"}),
        ("bitrix24.md", {"bitrix24", "bitrix24-rules"}),
    ],
)
def test_a_pages_manifest_builds_and_lets_rules_ring(
    page: str, connections: set[str], tmp_path: Path
) -> None:
    (block,) = _BLOCK.findall((ROOT / "docs" / page).read_text())
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(_CALLERDESK + block.replace("mappings/", f"{ROOT}/mappings/"))
    names = {*re.findall(r"\$\{(\w+)\}", block), "CALLERDESK_AUTHCODE"}
    house = build(settings.load(manifest, {name: f"made-up-secret-of-{name}" for name in names}))
    assert house.connections.keys() == connections
    assert all(each.policy.workflow_dialling for each in house.connections.values())


def test_the_call_buttons_code_in_the_odoo_page_is_python() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "odoo.md").read_text(), re.M | re.S)
    compile(code, "docs/odoo.md", "exec")
