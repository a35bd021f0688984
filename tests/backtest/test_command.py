"""`trifecta backtest` as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from trifecta.cli import app
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger

PATIENCE_S = 240


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backtest", *arguments])


def _json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(_run(*arguments, "--json").stdout)
    return found


def test_says_that_the_market_is_simulated_and_keeps_the_ledger_where_it_is_told_to(empty_folder: Path) -> None:
    kept = empty_folder / "runs" / "one.db"
    told = _run("--hours", "0.1", "--keep", str(kept)).output
    assert "SIMULATED MARKET" in told
    assert list(kept.parent.iterdir()) == [kept]
    with Ledger(f"sqlite:///{kept}") as ledger, ledger.read() as connection:
        assert audit(connection) == []
    assert not (empty_folder / "data" / "ledger.db").exists()
    again = _run("--hours", "0.1", "--keep", str(kept))
    assert again.exit_code == 1
    assert "expected a path where nothing is yet" in again.output
    shown = CliRunner().invoke(app, ["agents", "show", "--ledger", str(kept), "--json"])
    assert shown.exit_code == 0


def test_prints_one_object_with_the_hash_of_the_ledger(empty_folder: Path) -> None:
    found = _json("--hours", "0.1", "--seed", "3")
    assert (found["seed"], found["simulated"], len(found["ledger_hash"])) == (3, True, 32)
    assert {"trades", "pnl", "fees", "engines"} <= found.keys()


def test_a_run_that_is_killed_leaves_no_half_ledger_in_place(empty_folder: Path) -> None:
    kept = empty_folder / "kept.db"
    command = [sys.executable, "-m", "trifecta", "backtest", "--hours", "3", "--keep", str(kept)]
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until = time.monotonic() + PATIENCE_S
    while not list(empty_folder.glob(".backtest-*/ledger.db")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not kept.exists()


def test_a_span_without_quotes_and_a_time_that_is_none_are_told(empty_folder: Path) -> None:
    assert "from = 'yesterday': expected a time like" in _run("--from", "yesterday").output
    empty = _run("--from", "2025-01-31", "--to", "2025-02-01")
    assert empty.exit_code == 1
    assert "there is no quote in this span" in empty.output
