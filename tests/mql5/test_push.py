"""Ticks that Box-EA pushes stand in the warehouse exactly once, however often the sidecar dies."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.mql5.beside import TOKEN, sidecar
from tests.mql5.build import Built
from tests.mql5.terminal import Terminal, terminal
from tests.ports import free_port
from trifecta.capture import pushes
from trifecta.capture.pushed import PushedJournal
from trifecta.clock import SystemClock
from trifecta.settings import load
from warehouse import Lake, session

DEADLINE_S = 120.0
NO_BUS = "tcp://127.0.0.1:1"
BARS = 4 * 49  # closed bars of the simulated terminal's four timeframes

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def pushed(ea: Terminal) -> tuple[int, int, int]:
    """Rows that were taken, that wait and that were lost."""
    found = re.fullmatch(r"(\d+) rows, (\d+) wait, (\d+) lost", ea.show()["pushed"])
    assert found is not None
    return int(found[1]), int(found[2]), int(found[3])


def tick(ea: Terminal, bids: list[float], count: int) -> None:
    """Ticks that differ from all before, with a timer event behind every eighth."""
    for _ in range(count):
        bids.append(round(bids[-1] + 0.01, 2))
        ea.tell(f"ticknow {bids[-1]} 0.2")
        if len(bids) % 8 == 0:
            ea.tell("wait 1")


def until_taken(ea: Terminal, rows: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while pushed(ea)[0] < rows:
        assert time.monotonic() < deadline, (ea.show(), ea.printed())
        ea.tell("wait 1")


def test_pushed_ticks_are_stored_once_although_the_sidecar_is_killed(
    expert: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    port, bids = free_port(), [2000.0]
    with terminal(expert) as ea:
        for command in ("broker real_clock 1", "server SIM-Demo", f"allow http://127.0.0.1:{port}", "open 2000 0.2"):
            ea.tell(command)
        inputs = {"Url": f"http://127.0.0.1:{port}", "Token": TOKEN, "UseSidecar": False, "MaxBackoffMs": 1000}
        assert ea.start(**inputs) == 0
        for _ in range(2):
            with sidecar(tmp_path, port, NO_BUS):
                before = pushed(ea)[0] if "pushed" in ea.show() else 0
                tick(ea, bids, 24)
                until_taken(ea, before + 1)
                tick(ea, bids, 24)  # killed with batches under way
            tick(ea, bids, 16)
        with sidecar(tmp_path, port, NO_BUS):
            until_taken(ea, len(bids) + BARS)
            assert pushed(ea)[1:] == (0, 0)
    settings = load(data_dir=tmp_path / "data", bus_address=NO_BUS)
    committed = PushedJournal(settings, pushes.FOLDER, SystemClock())
    committed.commit_new()
    assert not committed.problem
    with session(Lake(settings.lake)) as connection:
        stored = connection.execute("select bid from quotes where symbol = 'XAUUSD' order by ts_event").fetchall()
        bars = connection.execute('select count(*), count(distinct ("interval", ts_open)) from bars').fetchall()
        lost = connection.execute("select (select count(*) from gaps) + (select count(*) from quarantine)").fetchone()
    assert [row[0] for row in stored] == bids
    assert bars[0][0] == bars[0][1] >= BARS
    assert lost == (0,)
