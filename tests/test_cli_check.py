"""`connector check` shows what is allowed and most likely not meant, each doubt at its line."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from test_settings import ENVIRON, MANIFEST

from connector.cli import main
from connector.sandbox.stage import MAPPING


def check(folder: Path, mapping: str) -> tuple[int, str]:
    (folder / "shop.yaml").write_text(mapping)
    (folder / "manifest.yaml").write_text(MANIFEST)
    ran = CliRunner().invoke(main, ["check", "--manifest", str(folder / "manifest.yaml")], env=dict(ENVIRON))
    return ran.exit_code, ran.output


def test_a_mapping_that_would_ring_who_asked_not_to_be_called_is_doubted(tmp_path: Path) -> None:
    text = MAPPING.read_text(encoding="utf-8")
    careless = "\n".join(line for line in text.splitlines() if "do_not_call" not in line)
    assert careless.count("refuse:") < text.count("refuse:")
    code, shown = check(tmp_path, careless)
    assert code == 0
    assert "has no `refuse` rule" in shown and "shop.yaml:" in shown


def test_a_good_mapping_raises_no_doubt(tmp_path: Path) -> None:
    code, shown = check(tmp_path, MAPPING.read_text(encoding="utf-8"))
    assert code == 0 and "shop.yaml:" not in shown
