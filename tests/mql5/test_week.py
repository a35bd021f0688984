"""Box-EA on a recorded week of XAUUSD: limits hold, books add up, and the Strategy Tester repeats it exactly."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.mql5.build import Built
from tests.mql5.week import deals, play

BALANCE = 10_000.0
GAP = 60.0  # money: what a stop loses beyond its price where the next quote is far, with commission and swap

pytestmark = [pytest.mark.recorded, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def played(expert: Built, recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return play(expert, recorded, tmp_path_factory.mktemp("week"))


def test_limits_hold(played: list[str]) -> None:
    found = deals(played)
    days: dict[str, float] = defaultdict(float)
    entries: dict[str, int] = defaultdict(int)
    for deal in found:
        days[deal.day] += deal.money
        entries[deal.day] += deal.entry
    assert len(found) > 10
    assert min(days.values()) >= -0.01 * BALANCE - GAP
    assert max(entries.values()) <= 12
    assert max(deal.volume for deal in found) <= 0.5
    lowest = float(next(line for line in played if line.startswith("lowest ")).split()[1])
    assert lowest >= 0.97 * BALANCE - GAP


def test_trades_and_equity_are_printed_and_add_up(played: list[str]) -> None:
    assert sum(line.startswith("equity ") for line in played) > 100
    last = next(line for line in reversed(played) if line.startswith("equity "))
    assert float(last.split()[-1]) == pytest.approx(BALANCE + sum(deal.money for deal in deals(played)), abs=0.1)


def test_strategy_tester_repeats_exactly(expert: Built, recorded: Path, tmp_path: Path) -> None:
    runs = []
    for jitter in (0, 13):
        folder = tmp_path / str(jitter)
        folder.mkdir()
        tester = ("broker tester 1", f"broker jitter {jitter}")
        runs.append(play(expert, recorded, folder, tester, UseSidecar="true", Push="true"))
    assert runs[0] == runs[1]
    assert len(deals(runs[0])) > 10
