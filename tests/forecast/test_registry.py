"""Who serves what: one champion at most, every change on record, nothing promoted that would not be served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tests.forecast import tiny
from trifecta.forecast import registry
from trifecta.forecast.folders import VersionError
from trifecta.forecast.records import Key, RegistryError, Status
from warehouse.ledger import Ledger, models

KEY = Key("sim_binance", "PAXGUSDT", 300)
NOW = 1_700_000_000 * 10**9


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        made.migrate()
        yield made


def add(ledger: Ledger, folder: Path, log_range: float = 0.002, **changed: object) -> str:
    """The name of a registered version."""
    written = tiny.version(folder / "models", log_range, **changed)
    return registry.register(ledger, folder, written, NOW).version


def statuses(ledger: Ledger) -> dict[str, Status]:
    return {record.version: record.status for record in registry.versions(ledger)}


def test_version_that_passed_its_gate_is_a_challenger_else_refused(ledger: Ledger, tmp_path: Path) -> None:
    good, bad = add(ledger, tmp_path), add(ledger, tmp_path, 0.003, passed=False)
    assert statuses(ledger) == {good: Status.CHALLENGER, bad: Status.REFUSED}
    record = registry.find(ledger, bad)
    assert record.reason == "does not beat har (p 0.4)"
    assert record.folder == f"models/{bad}"
    assert [score.forecaster for score in record.metrics.scores] == ["tiny", "har"]


def test_registering_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    name = add(ledger, tmp_path)
    registry.promote(ledger, tmp_path, name, NOW + 1)
    add(ledger, tmp_path)
    assert statuses(ledger) == {name: Status.CHAMPION}
    assert len(registry.history(ledger, name)) == 2


def test_promotion_retires_the_champion_before_it(ledger: Ledger, tmp_path: Path) -> None:
    first, second = add(ledger, tmp_path), add(ledger, tmp_path, 0.003)
    registry.promote(ledger, tmp_path, first, NOW + 1)
    promoted = registry.promote(ledger, tmp_path, second, NOW + 2, reason="lower loss")
    assert (promoted.status, promoted.reason, promoted.promoted_at) == (Status.CHAMPION, "lower loss", NOW + 2)
    assert registry.champions(ledger) == {KEY: promoted}
    retired = registry.find(ledger, first)
    assert (retired.status, retired.retired_at) == (Status.RETIRED, NOW + 2)
    told = [(event.from_status, event.to_status) for event in registry.history(ledger, first)]
    assert told == [(None, "challenger"), ("challenger", "champion"), ("champion", "retired")]


def test_promoting_the_champion_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    name = add(ledger, tmp_path)
    first = registry.promote(ledger, tmp_path, name, NOW + 1)
    assert registry.promote(ledger, tmp_path, name, NOW + 2) == first


def test_ledger_itself_refuses_two_champions(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger, tmp_path)
    add(ledger, tmp_path, 0.003)
    with pytest.raises(IntegrityError), ledger.begin() as connection:
        connection.execute(update(models).values(status="champion"))


def test_version_that_failed_its_gate_needs_force_and_a_reason_that_stays(ledger: Ledger, tmp_path: Path) -> None:
    name = add(ledger, tmp_path, passed=False)
    with pytest.raises(RegistryError, match=r"failed its gate: does not beat har \(p 0.4\)"):
        registry.promote(ledger, tmp_path, name, NOW)
    with pytest.raises(RegistryError, match="needs a --reason"):
        registry.promote(ledger, tmp_path, name, NOW, force=True, reason="  ")
    record = registry.promote(ledger, tmp_path, name, NOW, force=True, reason="a demonstration")
    assert record.forced
    assert record.reason == "forced: a demonstration"
    assert registry.history(ledger, name)[-1].reason == "forced: a demonstration"


def test_damaged_version_is_not_promoted_and_the_champion_stays(ledger: Ledger, tmp_path: Path) -> None:
    first, second = add(ledger, tmp_path), add(ledger, tmp_path, 0.003)
    registry.promote(ledger, tmp_path, first, NOW)
    (tmp_path / "models" / second / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(VersionError, match=r"model\.onnx has SHA-256"):
        registry.promote(ledger, tmp_path, second, NOW)
    assert registry.champions(ledger)[KEY].version == first


def test_rollback_returns_to_the_champion_before_and_back(ledger: Ledger, tmp_path: Path) -> None:
    names = [add(ledger, tmp_path, size) for size in (0.002, 0.003, 0.004)]
    with pytest.raises(RegistryError, match="has no champion"):
        registry.rollback(ledger, tmp_path, KEY, NOW)
    registry.promote(ledger, tmp_path, names[0], NOW + 1)
    with pytest.raises(RegistryError, match="had no champion before"):
        registry.rollback(ledger, tmp_path, KEY, NOW)
    registry.promote(ledger, tmp_path, names[1], NOW + 2)
    registry.promote(ledger, tmp_path, names[2], NOW + 3)
    assert registry.rollback(ledger, tmp_path, KEY, NOW + 4, reason="too wide").version == names[1]
    assert "too wide" in registry.find(ledger, names[1]).reason
    assert registry.rollback(ledger, tmp_path, KEY, NOW + 5).version == names[2]


def test_demoted_champion_leaves_the_place_empty_with_a_reason(ledger: Ledger, tmp_path: Path) -> None:
    name = add(ledger, tmp_path)
    registry.promote(ledger, tmp_path, name, NOW)
    record = registry.demote(ledger, name, NOW + 1, "live QLIKE 0.4 against 0.2 of har")
    assert (record.status, record.reason) == (Status.RETIRED, "live QLIKE 0.4 against 0.2 of har")
    assert registry.champions(ledger) == {}
    with pytest.raises(RegistryError, match="nothing to demote"):
        registry.demote(ledger, name, NOW + 2, "again")


def test_each_horizon_and_symbol_has_its_own_champion(ledger: Ledger, tmp_path: Path) -> None:
    for changed in ({}, {"horizon_s": 900}, {"symbol": "BTCUSDT"}, {"venue": "binance"}):
        name = add(ledger, tmp_path, 0.002 + len(changed) / 1000, **changed)
        registry.promote(ledger, tmp_path, name, NOW)
    assert len(registry.champions(ledger)) == 4


def test_end_of_a_name_is_enough_if_it_fits_one(ledger: Ledger, tmp_path: Path) -> None:
    name = add(ledger, tmp_path)
    assert registry.find(ledger, name[-8:]).version == name
    add(ledger, tmp_path, horizon_s=900)
    with pytest.raises(RegistryError, match="is not known"):
        registry.find(ledger, "nothing")
    with pytest.raises(RegistryError, match="is not known"):
        registry.find(ledger, "")


def test_whole_folder_without_a_row_is_adopted_and_a_half_one_never(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger, tmp_path)
    orphan = tiny.version(tmp_path / "models", 0.003)
    (tmp_path / "models" / ".range-half.tmp").mkdir()
    (tmp_path / "models" / "foreign").mkdir()
    assert [record.version for record in registry.adopt(ledger, tmp_path, NOW)] == [orphan.name]
    assert registry.adopt(ledger, tmp_path, NOW) == []
