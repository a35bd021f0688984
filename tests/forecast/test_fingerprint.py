"""The fingerprint of code: it grows with what computes a network, and leaves out what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from trifecta.forecast import fingerprint
from trifecta.forecast.training import TRAINERS

FORECAST = fingerprint.ROOT / "trifecta" / "forecast"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`trifecta.first` imports `trifecta.second`, inside a function; `trifecta.third` nobody does."""
    folder = tmp_path / "trifecta"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "first.py").write_text("def run():\n    from trifecta.second import value\n    return value\n")
    (folder / "second.py").write_text("import trifecta.first\nvalue = 1\n")
    (folder / "third.py").write_text("value = 1\n")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    monkeypatch.setattr(fingerprint, "sources", lambda module: real_sources(module, tmp_path))
    return folder


real_sources = fingerprint.sources


def of_first() -> str:
    fingerprint.of.cache_clear()
    found = fingerprint.of("trifecta.first")
    fingerprint.of.cache_clear()
    return found


def test_change_of_a_module_or_of_what_it_imports_changes_the_fingerprint(package: Path) -> None:
    seen = {of_first()}
    for name in ("first.py", "second.py"):
        path = package / name
        path.write_text(path.read_text() + "\n# other\n")
        seen.add(of_first())
    assert len(seen) == 3


def test_change_of_what_is_not_imported_changes_nothing(package: Path) -> None:
    before = of_first()
    (package / "third.py").write_text("value = 2\n")
    assert of_first() == before


def test_trainers_hold_all_that_computes_a_window_and_nothing_that_only_serves() -> None:
    found = {path for module in TRAINERS for path in fingerprint.sources(module)}
    for name in ("networks", "fitting", "dataset", "folds", "inputs", "labels", "minutes", "runs", "series"):
        assert FORECAST / f"{name}.py" in found
    for name in ("registry", "predictor", "graph", "live"):
        assert FORECAST / f"{name}.py" not in found
