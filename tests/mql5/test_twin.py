"""The Python twins give what the Expert Advisor computes, to the last digit, on recorded bars of EURUSD and XAUUSD."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.mql5.build import Built
from tests.mql5.recorded_gold import Bar, grouped, m15_bars, oanda_minutes, write_history
from tests.mql5.terminal import Terminal, terminal
from trifecta.errors import DataError
from trifecta.features.traditional_range import Bars, traditional_range
from trifecta.market.lots import Contract, floored, risk_volume

H1_S, H4_S, D1_S = 3600, 14_400, 86_400

pytestmark = pytest.mark.timeout(900)


def bars(rows: list[Bar]) -> Bars:
    return Bars(np.array([row.high for row in rows]), np.array([row.low for row in rows]))


def flat(count: int, low: float, high: float) -> Bars:
    return Bars(np.full(count, high), np.full(count, low))


def worked(**changed: Bars) -> dict[str, Bars]:
    return {"h1": flat(10, 1995, 2005), "h4": flat(5, 1990, 2010), "d1": flat(3, 1980, 2020)} | changed


def test_worked_example_gives_2800_points() -> None:
    assert traditional_range(**worked(), point=0.01) == 2800.0


@pytest.mark.parametrize(
    ("threshold", "expected"), [(4000, 2800.0), (3999, 2000.0), (4000 / 1.5, 2000.0), (2666, 1900.0)]
)
def test_each_regime_has_its_weights(threshold: float, expected: float) -> None:
    assert traditional_range(**worked(), point=0.01, threshold=threshold) == expected


def test_missing_and_impossible_bars_are_named() -> None:
    with pytest.raises(DataError, match="4 of 5 H4 bars are there"):
        traditional_range(**worked(h4=flat(4, 1990, 2010)), point=0.01)
    with pytest.raises(DataError, match=r"D1 bar -3 has high 2020\.0 and low 2021\.0"):
        traditional_range(**worked(d1=Bars(np.full(3, 2020.0), np.array([2021.0, 1980, 1980]))), point=0.01)


def told(ea: Terminal, folder: Path, known: dict[int, list[Bar]], threshold: float) -> float:
    file = folder / "history.csv"
    write_history(file, known)
    ea.tell(f"history {file}")
    return float(ea.tell(f"range {threshold!r}")[0])


def agree(ea: Terminal, folder: Path, rows: list[Bar], point: float, moments: list[int]) -> set[int]:
    """Compares both at every moment and in every regime; returns the regimes that were met at the first threshold."""
    ea.tell(f"broker point {point!r}")
    met = set()
    for moment in moments:
        seen = rows[max(0, moment - 8 * 1440) : moment]
        known = {H1_S: grouped(seen, H1_S)[-11:], H4_S: grouped(seen, H4_S)[-6:], D1_S: grouped(seen, D1_S)[-4:]}
        inputs = (bars(known[H1_S]), bars(known[H4_S]), bars(known[D1_S]))
        height = np.mean(inputs[2].high[-3:-1] - inputs[2].low[-3:-1]) / point
        for regime, threshold in enumerate((height * 1.2, height / 1.2, height / 2)):
            found = traditional_range(*inputs, point=point, threshold=float(threshold))
            assert told(ea, folder, known, float(threshold)) == found > 0
            met.add(regime)
    return met


@pytest.mark.recorded
def test_range_of_recorded_eurusd_is_the_same_to_the_last_digit(expert: Built, recorded: Path, tmp_path: Path) -> None:
    rows = m15_bars(recorded / "no_license_file" / "fx_m15_bid" / "EURUSD_M15.csv.gz", 3000)
    with terminal(expert) as ea:
        assert agree(ea, tmp_path, rows, 0.00001, list(range(700, 3000, 61))) == {0, 1, 2}


@pytest.mark.recorded
def test_range_of_recorded_xauusd_is_the_same_to_the_last_digit(expert: Built, recorded: Path, tmp_path: Path) -> None:
    minutes = oanda_minutes(recorded / "fx_lean" / "cfd" / "oanda" / "minute" / "xauusd")
    rows = [Bar(time_ms // 1000, *prices[:4]) for time_ms, prices in minutes]
    with terminal(expert) as ea:
        assert agree(ea, tmp_path, rows, 0.01, list(range(4000, len(rows), 97))) == {0, 1, 2}


def test_volumes_are_the_same_to_the_last_digit(expert: Built) -> None:
    generator = np.random.default_rng(7)
    with terminal(expert) as ea:
        for step, least in ((0.01, 0.01), (0.1, 0.1), (0.001, 0.01), (1.0, 1.0)):
            contract = Contract(0.01, 0.01, 1.0, least, 50.0, step)
            ea.tell(f"broker volume_step {step}")
            ea.tell(f"broker volume_min {least}")
            ea.tell("broker volume_max 50")
            for _ in range(60):
                money, stop, most = (float(value) for value in generator.uniform([0.1, 20, 0.01], [5000, 4000, 60]))
                assert float(ea.tell(f"volume {money!r} {stop!r} {most!r}")[0]) == risk_volume(
                    contract, money, stop, most
                )


def test_volume_is_floored_and_nonsense_gives_none() -> None:
    contract = Contract(0.01, 0.01, 1.0, 0.01, 100.0, 0.01)
    assert risk_volume(contract, 50, 300, 100) == 0.16
    assert risk_volume(contract, 2.99, 300, 100) == 0.0
    assert floored(contract, 0.3) == 0.3
    assert [risk_volume(contract, *wrong) for wrong in ((0, 1, 1), (1, 0, 1), (1, 1, 0), (float("nan"), 1, 1))] == [
        0.0
    ] * 4
