"""Binary signals against what came: who won, and what a claimed probability is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trifecta.capture import rows
from trifecta.clock import NS_PER_S
from trifecta.market.events import QUOTE
from trifecta.market.instruments import Instrument
from warehouse import TABLES, Lake, session

START = 1_723_161_600 * NS_PER_S
SOURCE, TERMINAL = "sim_pocket", "sim_mt5_trifecta"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def quoted(lake: Lake, mids: dict[int, float], venue: str = TERMINAL, version: int = 1) -> None:
    """Quotes of EURUSD: seconds after the start, and mid."""
    events = np.zeros(len(mids), QUOTE)
    events["ts_recv"] = events["ts_event"] = [START + second * NS_PER_S for second in mids]
    events["bid"] = [round(mid * 1e5) - 2 for mid in mids.values()]
    events["ask"] = [round(mid * 1e5) + 2 for mid in mids.values()]
    lake.append("quotes", rows.quotes(venue, Instrument(venue, "EURUSD", 5, 0), events), writer=venue, version=version)


def signalled(lake: Lake, *signals: tuple[int, int, float]) -> None:
    """Signals: second of receipt, direction, claimed probability."""
    made: list[dict[str, Any]] = [
        {
            "venue": SOURCE,
            "date": rows.dates(np.array([START]))[0].as_py(),
            "symbol": "EURUSD",
            "signal_id": f"{number}",
            "ts_event": START + second * NS_PER_S,
            "ts_recv": START + second * NS_PER_S,
            "direction": direction,
            "probability": probability,
            "expiry_s": 60,
            "payout": 0.85,
        }
        for number, (second, direction, probability) in enumerate(signals)
    ]
    schema = TABLES["binary_signals"].schema
    lake.append("binary_signals", pa.Table.from_pylist(made, schema=schema), writer=SOURCE, version=1)


def ask(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with session(lake) as connection:
        return connection.execute(sql).fetchall()


def test_a_signal_is_decided_by_the_quotes_at_its_receipt_and_its_expiry(lake: Lake) -> None:
    quoted(lake, {0: 1.10000, 5: 1.10010, 60: 1.10020, 65: 1.10005, 200: 1.2})
    signalled(lake, (0, 1, 0.7), (0, -1, 0.7), (5, 1, 0.7), (5, -1, 0.7))
    found = ask(lake, "select direction, entry, exit, won from binary_outcomes order by signal_id")
    assert [(side, round(entry, 5), round(exit_, 5), won) for side, entry, exit_, won in found] == [
        ("call", 1.1, 1.1002, True),
        ("put", 1.1, 1.1002, False),
        ("call", 1.1001, 1.10005, False),
        ("put", 1.1001, 1.10005, True),
    ]


def test_a_price_that_did_not_move_wins_nothing(lake: Lake) -> None:
    quoted(lake, {0: 1.1, 60: 1.1, 61: 1.2})
    signalled(lake, (0, 1, 0.7), (0, -1, 0.7))
    assert ask(lake, "select won from binary_outcomes") == [(False,), (False,)]


def test_what_is_not_known_decides_nothing(lake: Lake) -> None:
    quoted(lake, {0: 1.1, 30: 1.2, 100: 1.3, 110: 1.4})
    signalled(lake, (-5, 1, 0.7), (15, 1, 0.7), (0, 1, 0.7), (60, 1, 0.7), (105, 1, 0.7))
    assert ask(lake, "select signal_id from binary_outcomes") == []


def test_simulated_signals_are_not_judged_by_real_quotes(lake: Lake) -> None:
    quoted(lake, {0: 1.1, 60: 1.2, 61: 1.2}, venue="mt5_broker")
    signalled(lake, (0, 1, 0.7))
    assert ask(lake, "select * from binary_outcomes") == []
    quoted(lake, {0: 1.3, 60: 1.2, 61: 1.2})
    assert ask(lake, "select won from binary_outcomes") == [(False,)]


def test_reliability_counts_by_what_was_claimed(lake: Lake) -> None:
    quoted(lake, {second: 1.1 + second * 1e-5 for second in range(200)})
    rising = [(second, 1 if second % 4 else -1, 0.72 + 0.001 * (second % 20)) for second in range(100)]
    signalled(lake, *rising, (0, 1, 1.0))
    counted = "claimed_from, signals, won, hit_rate, hit_rate_low, hit_rate_high"
    found = ask(lake, f"select {counted} from binary_reliability order by claimed_from")  # noqa: S608  our own text
    assert found[0][:4] == (0.7, 100, 75, 0.75)
    assert found[0][4:] == pytest.approx((0.6570, 0.8245), abs=2e-4)  # Wilson's interval of 75 of 100
    assert found[1][:3] == (0.95, 1, 1)
