"""`trifecta models` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import Result

from tests.forecast import tiny
from trifecta.forecast import registry
from trifecta.settings import Settings
from warehouse.ledger import Ledger

Run = Callable[..., Result]
NOW = 1_700_000_000 * 10**9


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trifecta.cli.out.width", 250)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with Ledger(settings.ledger) as made:
        made.migrate()
        yield made


def add(ledger: Ledger, settings: Settings, log_range: float, **changed: object) -> str:
    written = tiny.version(settings.data_dir / "models", log_range, **changed)
    return registry.register(ledger, settings.data_dir, written, NOW).version


def test_empty_registry_says_what_to_do(run: Run) -> None:
    result = run("models", "list")
    assert result.exit_code == 0
    assert "trifecta train" in result.output
    assert json.loads(run("models", "list", "--json").output) == []


def test_promotion_shows_in_the_list_the_champion_first(run: Run, ledger: Ledger, settings: Settings) -> None:
    first, second = add(ledger, settings, 0.002), add(ledger, settings, 0.003)
    assert run("models", "promote", first[-8:], "--reason", "narrower").exit_code == 0
    listed = json.loads(run("models", "list", "--json").output)
    assert [(one["version"], one["status"]) for one in listed] == [(first, "champion"), (second, "challenger")]
    assert listed[0]["reason"] == "narrower"
    shown = run("models", "list").output
    assert shown.index(first) < shown.index(second)
    assert "0.3000 har" in shown


def test_version_that_failed_its_gate_is_promoted_by_force_with_a_reason_alone(
    run: Run, ledger: Ledger, settings: Settings
) -> None:
    version = add(ledger, settings, 0.002, passed=False)
    refused = run("models", "promote", version)
    assert refused.exit_code == 1
    assert "does not beat har (p 0.4)" in " ".join(refused.output.split())
    assert run("models", "promote", version, "--force").exit_code == 1
    assert run("models", "promote", version, "--force", "--reason", "a demonstration").exit_code == 0
    shown = run("models", "show", version).output
    assert "failed, promoted by force" in shown
    assert "forced: a demonstration" in shown


def test_card_and_history_are_shown(run: Run, ledger: Ledger, settings: Settings) -> None:
    version = add(ledger, settings, 0.002)
    run("models", "promote", version)
    told = json.loads(run("models", "show", version, "--json").output)
    assert told["card"]["seed"] == 7
    assert [event["to_status"] for event in told["history"]] == ["challenger", "champion"]
    assert "orderflow_1s at version 3" in run("models", "show", version).output


def test_rollback_asks_which_champion_where_several_fit(run: Run, ledger: Ledger, settings: Settings) -> None:
    names = [add(ledger, settings, size) for size in (0.002, 0.003)]
    other = add(ledger, settings, 0.004, horizon_s=900)
    for name in (*names, other):
        run("models", "promote", name)
    asked = run("models", "rollback", "PAXGUSDT")
    assert asked.exit_code == 1
    assert "tell which with --horizon" in " ".join(asked.output.split())
    assert "has no such champion" in run("models", "rollback", "NOTHING").output
    assert names[0] in run("models", "rollback", "PAXGUSDT", "--horizon", "300", "--reason", "too wide").output


def test_comparison_says_whether_the_figures_compare(run: Run, ledger: Ledger, settings: Settings) -> None:
    first, second = add(ledger, settings, 0.002), add(ledger, settings, 0.003)
    assert "judged on different data" not in run("models", "compare", first, second).output
    third = add(ledger, settings, 0.004, horizon_s=900)
    shown = run("models", "compare", first, third).output
    assert "judged on different data" in shown
    assert "0.667 of har" in shown
    assert json.loads(run("models", "compare", first, second, "--json").output)["same_data"] is True


def test_damaged_version_is_told_with_its_file(run: Run, ledger: Ledger, settings: Settings) -> None:
    version = add(ledger, settings, 0.002)
    (settings.data_dir / "models" / version / "scaler.json").write_text("{}")
    for command in ("show", "promote"):
        result = run("models", command, version)
        assert result.exit_code == 1
        assert "scaler.json has SHA-256" in " ".join(result.output.split())
