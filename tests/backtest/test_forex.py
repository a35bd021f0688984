"""Forex over M15 bars: acted on at the next opening quote, ended where a bar reached the level, blind to the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import select
from typer.testing import CliRunner

from tests.backtest.conftest import Run, Traded
from trifecta.capture.importers.forex_intake import import_forex
from trifecta.cli import app
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.features.indicators import Bars
from trifecta.market.events import ASSUMED_SPREAD
from trifecta.ops.backtest import forex_tape
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.settings import Settings
from trifecta.trade import catalogue
from trifecta.trade.audit import audit
from trifecta.trade.backtest.bars import BAR_NS, INTERVAL, QUOTES, STEPS, Closing, Sides, opening, tape
from trifecta.trade.backtest.report import report
from trifecta.trade.backtest.tape import Listing
from warehouse.lake import Lake
from warehouse.ledger import Ledger, decision_stages, decisions, exits, fills, orders

START_NS = 1_735_776_000 * NS_PER_S  # a Thursday
SPREAD = 0.00006
SWING = 30  # bars of a wave
TURNS = 720
"""The bar from which on it swings no more: what is bought then is stopped."""
MOMENT = START_NS + 690 * BAR_NS
MARKET = ("sim_mt5_test", "EURUSD")


def waves(count: int = 800, seed: int = 7) -> Sides:
    """Bars of a price that swings, so that what is overdone does turn."""
    dice = np.random.default_rng(seed)
    falls = 0.0005 * np.maximum(np.arange(count + 1) - TURNS, 0)
    level = 1.1 - falls + 0.004 * np.sin(2 * np.pi * np.arange(count + 1) / SWING) + dice.normal(0, 0.0002, count + 1)
    opened, closed = level[:-1], level[1:]
    high = np.maximum(opened, closed) + dice.exponential(0.0002, count)
    low = np.minimum(opened, closed) - dice.exponential(0.0002, count)
    return sides(np.round(np.stack([opened, high, low, closed]), 5))


def sides(prices: np.ndarray) -> Sides:
    """Bars of these opens, highs, lows and closes of the bid."""
    terms = catalogue.forex(*MARKET, 0.0)
    assert terms is not None
    opens = START_NS + BAR_NS * np.arange(prices.shape[1])
    bid, ask = (Bars(opens, opens + BAR_NS, *(prices + shift)) for shift in (0.0, SPREAD))
    return Sides(Listing(ScanTerms(*MARKET, "EUR", "USD", 0.0), terms), bid, ask)


@pytest.fixture(scope="module")
def waved(traded: Traded) -> Run:
    return traded(tape([waves()]))


def test_signals_are_traded_and_the_ledger_adds_up(traded: Traded, waved: Run) -> None:
    _, ledger = waved
    with ledger.read() as connection:
        found = report(connection)
        assert audit(connection) == []
        said = connection.execute(
            select(decision_stages.c.verdict).where(decision_stages.c.stage == "direction").distinct()
        ).scalars().all()  # fmt: skip
    assert [one.engine for one in found.engines] == ["forex"]
    assert found.trades > 5
    assert said == ["no say"]  # a model that was trained later would know what came
    with traded(tape([waves()]))[1].read() as connection:
        assert report(connection) == found
    with traded(tape([waves(seed=8)]))[1].read() as connection:
        assert report(connection).ledger_hash != found.ledger_hash


def test_an_entry_is_filled_at_the_opening_quote_behind_the_bar_that_signalled(waved: Run) -> None:
    told = waves()
    opens = {int(ts): at for at, ts in enumerate(told.bid.ts_open)}
    with waved[1].read() as connection:
        asked = select(decisions.c.ts_ns, orders.c.side, fills.c.price).join_from(decisions, orders).join(fills)
        entries = connection.execute(asked.where(~orders.c.reduces)).all()
    assert entries
    for one in entries:
        quote = (told.ask if one.side == "BUY" else told.bid).open[opens[one.ts_ns]]
        assert float(one.price) == quote


def test_an_exit_is_filled_at_most_one_step_of_its_bar_beyond_the_level(waved: Run) -> None:
    told = waves()
    asked = select(exits.c.reason, exits.c.stop_loss, exits.c.take_profit, fills.c.price, orders.c.sent_at).join_from(
        exits, orders, exits.c.decision_id == orders.c.decision_id
    )
    with waved[1].read() as connection:
        ended = connection.execute(asked.join(fills).where(orders.c.reduces)).all()
    assert {one.reason for one in ended} == {"take_profit", "stop_loss"}
    for one in ended:
        bar = (one.sent_at - START_NS) // BAR_NS
        level = one.stop_loss if one.reason == "stop_loss" else one.take_profit
        step = (told.ask.high[bar] - told.bid.low[bar]) / STEPS
        opened = {told.bid.open[bar], told.ask.open[bar]}
        assert abs(float(one.price - level)) <= step + 1e-9 or float(one.price) in opened


def test_a_bar_that_touches_both_levels_is_a_loss(traded: Traded, waved: Run) -> None:
    """The bar behind the first entry reaches far beyond both."""
    with waved[1].read() as connection:
        entered = connection.execute(select(decisions.c.ts_ns).order_by(decisions.c.ts_ns)).scalars().first()
        side = connection.execute(select(orders.c.side).order_by(orders.c.intended_at)).scalars().first()
    assert entered is not None
    told = waves()
    bar = (entered - START_NS) // BAR_NS + 1
    prices = np.stack([told.bid.open, told.bid.high, told.bid.low, told.bid.close])
    prices[1, bar], prices[2, bar] = prices[1, bar] + 0.02, prices[2, bar] - 0.02
    with traded(tape([sides(prices)]))[1].read() as connection:
        ended = connection.execute(select(exits.c.reason).order_by(exits.c.updated_at)).scalars().first()
    assert side in {"BUY", "SELL"}
    assert ended == "stop_loss"


def test_bars_that_come_later_change_no_earlier_trade(traded: Traded, waved: Run) -> None:
    told = waves()
    prices = np.stack([told.bid.open, told.bid.high, told.bid.low, told.bid.close])
    prices[:, told.bid.ts_open >= MOMENT] *= 1.05
    runs = (waved, traded(tape([sides(prices)])), traded(tape([told]).until(MOMENT)))
    known = [_before(run[1]) for run in runs]
    assert len(known[0][0]) > 2
    assert known[0] == known[1] == known[2]


def _before(ledger: Ledger) -> list[list[tuple[object, ...]]]:
    asked = (
        select(decisions).where(decisions.c.ts_ns < MOMENT).order_by(decisions.c.id),
        select(fills).where(fills.c.ts_booked < MOMENT).order_by(fills.c.id),
    )
    with ledger.read() as connection:
        return [[tuple(row) for row in connection.execute(one)] for one in asked]


def test_only_closed_bars_are_known_and_a_tape_that_is_cut_has_no_later_ones() -> None:
    made = tape([waves(120)])
    closing = Closing(made.bars[INTERVAL])
    assert closing.at(START_NS + BAR_NS - 1) is None
    found = closing.at(START_NS + 3 * BAR_NS)
    assert found is not None
    assert [len(one) for one in found.values()] == [3]
    assert closing.at(START_NS + 3 * BAR_NS + 1) is None
    assert [len(one) for one in made.until(START_NS + 3 * BAR_NS).bars[INTERVAL].values()] == [3]
    assert opening(made).sum() == 120


def test_what_goes_against_a_position_comes_first_in_a_bar() -> None:
    made = tape([waves(1)])
    bar = waves(1)
    assert len(made) == QUOTES
    assert (made.bid[0], made.ask[0]) == (bar.bid.open[0], bar.ask.open[0])
    assert (made.bid[STEPS], made.ask[STEPS]) == (bar.bid.low[0], bar.ask.high[0])
    assert np.argmax(made.bid) == 2 * STEPS
    assert made.ask[1 : 2 * STEPS].min() >= bar.ask.open[0]
    assert (made.bid[-1], made.ask[-1]) == (bar.bid.close[0], bar.ask.close[0])
    assert (made.bid <= made.ask).all()


def test_a_history_in_the_lake_is_traded_with_the_spread_it_tells_or_with_one_that_is_said_to_be_assumed(
    tmp_path: Path,
) -> None:
    settings, console = Settings(data_dir=tmp_path), Console(record=True, width=200, stderr=True)
    with pytest.raises(DataError, match="there is no M15 bar of forex in this span"):
        forex_tape(settings, "", "", console)
    bars = waves(200).bid
    lines = ["time_utc,open,high,low,close,volume"]
    times = np.datetime_as_string(bars.ts_open.astype("datetime64[ns]"), unit="s")
    for at, time in enumerate(times):
        prices = (f"{column[at]:.5f}" for column in (bars.open, bars.high, bars.low, bars.close))
        lines.append(f"{time}Z,{','.join(prices)},1")
    path = tmp_path / "EURUSD_M15.csv"
    path.write_text("\n".join(lines))
    for symbol in ("EURUSD", "ETHBTC"):  # the second is no pair of currencies
        import_forex(path, lake=Lake(settings.lake), zone="UTC", source="oanda", symbol=symbol)
    made = forex_tape(settings, "2025-01-02T12:00:00", "2025-01-03", console)
    assert "a spread of 0.01% is assumed of 96 bars of EURUSD at oanda" in console.export_text()
    assert [one.market for one in made.listings] == [("oanda", "EURUSD")]
    assert len(made) == 48 * QUOTES
    assert [len(one) for one in made.bars[INTERVAL].values()] == [96]  # those before the span are known
    opens = opening(made)
    assert made.ask[opens] == pytest.approx(made.bid[opens] * (1 + ASSUMED_SPREAD))


def test_bars_are_traded_from_the_lake_alone() -> None:
    told = CliRunner().invoke(app, ["backtest", "--bars", "--against-paper"])
    assert told.exit_code == 2
    assert "neither files nor" in told.output


@pytest.mark.recorded
def test_recorded_majors_are_read_with_their_own_spread_and_nothing_unproven_is_traded(
    recorded: Path, tmp_path: Path, traded: Traded
) -> None:
    settings, console = Settings(data_dir=tmp_path), Console(record=True, width=200, stderr=True)
    folder = recorded / "no_license_file" / "fx_m15_bidask_oanda"
    for symbol in ("EURUSD", "USDJPY"):
        path = folder / f"{symbol[:3]}_{symbol[3:]}_M15.parquet"
        import_forex(path, lake=Lake(settings.lake), zone="UTC", source="oanda", symbol=symbol)
    made = forex_tape(settings, "", "2023-09-14", console)
    assert "assumed" not in console.export_text()
    assert (made.bid < made.ask).all()
    run, ledger = traded(made)
    with ledger.read() as connection:
        found = report(connection)
    assert run.watched.opportunities
    assert (found.trades, found.equity_end) == (0, found.equity_start)
