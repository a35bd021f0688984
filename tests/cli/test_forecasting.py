"""`trifecta train` and `trifecta evaluate`: what they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from trifecta.forecast import evaluation
from trifecta.forecast.direction import evaluation as directions
from trifecta.forecast.direction.rivals import RIVALS as OF_DIRECTION
from trifecta.forecast.scores import RIVALS
from trifecta.ops.judging import BEGIN, END

Run = Callable[..., Result]


def test_training_on_an_empty_lake_says_what_is_missing(run: Run) -> None:
    result = run("train", "--symbol", "PAXGUSDT")
    assert result.exit_code == 1
    assert "the lake holds no order flow of sim_binance PAXGUSDT" in " ".join(result.output.split())


def test_unknown_network_is_refused_with_those_there_are(run: Run) -> None:
    result = run("train", "--symbol", "PAXGUSDT", "--network", "oracle")
    assert result.exit_code == 1
    assert "choose one of lstm, transformer" in " ".join(result.output.split())


def test_unknown_data_set_is_refused_with_those_there_are(run: Run) -> None:
    result = run("evaluate", "--data", "gold")
    assert result.exit_code == 1
    assert "choose one of xrpeth, iaqf_1m, m15" in " ".join(result.output.split())


@pytest.mark.recorded
def test_evaluation_prints_one_row_a_model_and_horizon_and_fills_the_page(
    run: Run, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "NETWORKS", {})  # rivals alone: networks take minutes
    monkeypatch.setattr(evaluation, "ENSEMBLES", {})
    monkeypatch.setattr(directions, "NAMES", ())
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    result = run("evaluate", "--data", "m15", "--folder", str(recorded), "--write", str(page), "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    ranges = [row for row in rows if "mae" in row]
    assert [(row["horizon_s"], row["model"]) for row in ranges] == [(h, name) for h in (900, 3600) for name in RIVALS]
    assert all({"data", "loss", "mae", "p", "coverage"} <= set(row) for row in ranges)
    told = rows[len(ranges) :]
    assert [(row["target"], row["horizon_s"], row["model"]) for row in told] == [
        ("direction", 3600, name) for name in OF_DIRECTION
    ]
    assert page.read_text().count("| har |") == 2
    assert page.read_text().count("| momentum |") == 1
