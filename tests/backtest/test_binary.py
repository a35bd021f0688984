"""Binary contracts of a recorded span: judged by what was known then, settled by the quotes of their expiry."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from tests.backtest.conftest import Traded
from trifecta.capture import rows
from trifecta.clock import NS_PER_S
from trifecta.market.events import QUOTE
from trifecta.market.instruments import Instrument
from trifecta.ops.backtest import recorded_tape
from trifecta.settings import Settings
from trifecta.trade.backtest.tape import Tape
from warehouse import TABLES, Lake
from warehouse.ledger import decisions, exits, outcomes

START = 1_723_161_600 * NS_PER_S
SOURCE, TERMINAL = "sim_pocket", "sim_mt5_trifecta"
BEFORE, STAKE = 40, 10
"""Signals whose outcomes are known when the span begins, all of them won."""
SPAN_S = 3_600


def _iso(second: int) -> str:
    return datetime.fromtimestamp(START // NS_PER_S + second, UTC).isoformat()


@pytest.fixture(scope="module")
def lake(settings: Settings) -> Lake:
    """An hour of a price that rises each second and falls from 3900 s on; calls before the span, three within it."""
    made = Lake(settings.lake)
    made.create_all()
    seconds = np.arange(2 * SPAN_S)
    events = np.zeros(len(seconds), QUOTE)
    events["ts_recv"] = events["ts_event"] = START + seconds * NS_PER_S
    mids = 110_000 + np.where(seconds < 3_900, seconds, 7_800 - seconds)
    events["bid"], events["ask"] = mids - 2, mids + 2
    quotes = rows.quotes(TERMINAL, Instrument(TERMINAL, "EURUSD", 5, 0), events)
    made.append("quotes", quotes, writer=TERMINAL, version=1)
    times = [*(60 * number for number in range(BEFORE)), 3_610, 3_880, 3_990]
    signals = [
        {
            "venue": SOURCE, "date": rows.dates(np.array([START]))[0].as_py(), "symbol": "EURUSD",
            "signal_id": f"{number}", "ts_event": START + second * NS_PER_S, "ts_recv": START + second * NS_PER_S,
            "direction": 1, "probability": 0.84, "expiry_s": 60, "payout": 0.85,
        }
        for number, second in enumerate(times)
    ]  # fmt: skip
    table = pa.Table.from_pylist(signals, schema=TABLES["binary_signals"].schema)
    made.append("binary_signals", table, writer=SOURCE, version=1)
    return made


def _tape(settings: Settings, first_s: int, last_s: int) -> Tape:
    return recorded_tape(settings, [], _iso(first_s), _iso(last_s), Console(stderr=True))


@pytest.mark.usefixtures("lake")
def test_contracts_are_settled_by_the_quotes_of_their_expiry(settings: Settings, traded: Traded) -> None:
    run, ledger = traded(_tape(settings, SPAN_S, 2 * SPAN_S))
    with ledger.read() as connection:
        verdicts = connection.execute(decisions.select()).all()
        pnls = [row.pnl for row in connection.execute(outcomes.select().order_by(outcomes.c.closed_at))]
        reasons = [row.reason for row in connection.execute(exits.select().order_by(exits.c.updated_at))]
    assert [row.verdict for row in verdicts] == ["approved"] * 3
    assert (pnls, reasons) == ([STAKE * 0.85, -STAKE, -STAKE], ["won", "lost", "lost"])
    assert (run.open_trades, len(run.watched.advised)) == (0, 3)


@pytest.mark.usefixtures("lake")
def test_a_claim_counts_for_what_was_known_when_it_came(settings: Settings) -> None:
    whole = _tape(settings, 0, 2 * SPAN_S).claims
    told = {signal.signal_id: cells for signal, cells in whole.told()}
    known = {name: sum(cell.decided for cell in cells.values()) for name, cells in told.items()}
    assert (known["0"], known["1"], known["39"], known["40"], known["41"]) == (0, 1, 39, 40, 41)
    (lost,) = told["42"].values()
    assert (lost.decided, lost.won) == (42, 41)
    early = _tape(settings, 0, SPAN_S).claims  # what comes later changes nothing of before
    assert list(early.told()) == list(whole.told())[:BEFORE]


@pytest.mark.usefixtures("lake")
def test_a_claim_without_a_record_is_not_followed_and_the_same_span_is_traded_the_same_twice(
    settings: Settings, traded: Traded
) -> None:
    run, _ = traded(_tape(settings, 0, 1_500))
    assert (len(run.watched.opportunities), run.watched.advised) == (25, set())
    first, second = (traded(_tape(settings, 0, 2 * SPAN_S), everything=every) for every in (False, True))
    assert first[0].watched.advised == second[0].watched.advised
    assert len(first[0].watched.advised) == 13
