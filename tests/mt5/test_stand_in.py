"""The stand-in for the package MetaTrader5: its arrays, records, ways to fail, and the account behind it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from trifecta.emulator import mt5_types
from trifecta.emulator.config import EmulatorError
from trifecta.emulator.metatrader5 import SERVER_OFFSET_S, MetaTrader5
from trifecta.emulator.mt5_market import TICK, GeneratedForex, PlayedForex
from trifecta.emulator.mt5_remote import RemoteMetaTrader5, add_routes

START_MS = 1_723_161_600_000
SHIFT_S = SERVER_OFFSET_S


class Now:
    """A clock of milliseconds that a test moves."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def market() -> GeneratedForex:
    return GeneratedForex(7, START_MS)


@pytest.fixture
def mt5(market: GeneratedForex, now: Now) -> MetaTrader5:
    """A terminal a minute after its market began."""
    made = MetaTrader5(market, now)
    assert made.initialize()
    now.ms += 60_000
    return made


def deal(mt5: MetaTrader5, **changed: Any) -> dict[str, Any]:
    return {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY,
        "type_filling": mt5.ORDER_FILLING_IOC,
        "magic": 7,
    } | changed


def test_nothing_answers_before_it_is_initialised(market: GeneratedForex, now: Now) -> None:
    mt5 = MetaTrader5(market, now)
    assert (mt5.account_info(), mt5.symbol_info("EURUSD"), mt5.positions_get()) == (None, None, None)
    assert mt5.last_error() == (-10004, "No IPC connection")
    assert mt5.order_send(deal(mt5)) is None


def test_an_unknown_symbol_is_none_with_a_reason(mt5: MetaTrader5) -> None:
    assert mt5.symbol_info("NOPE") is None
    assert mt5.last_error() == (-4, "Terminal: Not found")
    assert mt5.copy_rates_from_pos("NOPE", 1, 0, 10) is None
    assert mt5.symbol_info("EURUSD") is not None
    assert mt5.last_error() == (1, "Success")
    with pytest.raises(AttributeError, match="has no attribute"):
        _ = mt5.nothing_like_it


def test_arrays_have_the_packages_types(mt5: MetaTrader5) -> None:
    ticks = mt5.copy_ticks_range("XAUUSD", 0, 2**40, mt5.COPY_TICKS_ALL)
    rates = mt5.copy_rates_from_pos("XAUUSD", mt5.TIMEFRAME_M15, 0, 100)
    assert ticks is not None
    assert rates is not None
    assert [(name, ticks.dtype[name].str) for name in ticks.dtype.names or ()] == [
        ("time", "<i8"), ("bid", "<f8"), ("ask", "<f8"), ("last", "<f8"), ("volume", "<u8"), ("time_msc", "<i8"),
        ("flags", "<u4"), ("volume_real", "<f8"),
    ]  # fmt: skip
    assert [(name, rates.dtype[name].str) for name in rates.dtype.names or ()] == [
        ("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"), ("tick_volume", "<u8"),
        ("spread", "<i4"), ("real_volume", "<u8"),
    ]  # fmt: skip
    assert len(rates) == 100
    assert (np.diff(rates["time"]) == 900).all()


def test_times_are_the_servers_clock_dressed_as_utc(mt5: MetaTrader5, now: Now) -> None:
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    assert 0 <= now.ms + SHIFT_S * 1000 - tick.time_msc < 10_000
    assert tick.time == tick.time_msc // 1000
    since = datetime.fromtimestamp(tick.time, UTC)
    found = mt5.copy_ticks_range("EURUSD", since, since + timedelta(seconds=5), mt5.COPY_TICKS_INFO)
    assert found is not None
    assert found["time_msc"][-1] == tick.time_msc
    first = mt5.copy_ticks_from("EURUSD", since.replace(tzinfo=None), 1, mt5.COPY_TICKS_ALL)
    assert first is not None
    assert first["time"][0] == tick.time


def test_the_current_bar_is_number_zero_and_still_open(mt5: MetaTrader5, now: Now) -> None:
    last = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1)
    closed = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 1, 3)
    assert last is not None
    assert closed is not None
    assert last["time"][0] == (now.ms // 60_000) * 60 + SHIFT_S or last["time"][0] == closed["time"][-1] + 60
    span = mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_M1, int(closed["time"][0]), int(closed["time"][-1]))
    assert np.array_equal(closed, span)
    assert mt5.copy_rates_from_pos("EURUSD", 77, 0, 1) is None


def test_bars_of_the_day_begin_at_the_servers_midnight(mt5: MetaTrader5) -> None:
    days = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 10)
    assert days is not None
    assert (days["time"][1:] % 86_400 == 0).all()


def test_a_market_does_not_depend_on_how_often_it_is_asked() -> None:
    once, often = GeneratedForex(3, START_MS), GeneratedForex(3, START_MS)
    once.advance(START_MS + 300_000)
    for ms in range(START_MS, START_MS + 300_001, 700):
        often.advance(ms)
    often.advance(START_MS + 300_000)
    for name in once.symbols:
        assert np.array_equal(once.ticks(name), often.ticks(name))
        assert np.array_equal(once.minutes(name), often.minutes(name))
        assert (once.ticks(name)["bid"] < once.ticks(name)["ask"]).all()


def test_a_recorded_market_tells_nothing_before_its_time() -> None:
    ticks = np.array([(START_MS + at, 1.1, 1.2) for at in (0, 500, 1500)], TICK)
    market = PlayedForex({"EURUSD": ticks})
    assert [len(market.advance(START_MS + at)["EURUSD"]) for at in (-1, 0, 1000, 1000, 2000)] == [0, 1, 1, 0, 1]
    with pytest.raises(EmulatorError, match="NOPE"):
        PlayedForex({"NOPE": ticks})


def test_a_deal_opens_a_position_and_its_opposite_closes_it(mt5: MetaTrader5, now: Now) -> None:
    opened = mt5.order_send(deal(mt5))
    assert opened is not None
    assert opened.retcode == mt5.TRADE_RETCODE_DONE
    (position,) = mt5.positions_get(symbol="EURUSD") or ()
    assert (position.ticket, position.volume, position.magic) == (opened.order, 0.1, 7)
    now.ms += 30_000
    closed = mt5.order_send(deal(mt5, type=mt5.ORDER_TYPE_SELL, position=position.ticket))
    assert closed is not None
    assert mt5.positions_get() == ()
    info = mt5.account_info()
    assert info is not None
    moved = round((closed.price - opened.price) * 0.1 * 100_000, 2)
    assert info.balance == pytest.approx(10_000 + moved)
    deals = mt5.history_deals_get(position=position.ticket)
    assert deals is not None
    assert [(one.entry, one.profit) for one in deals] == [(0, 0.0), (1, pytest.approx(moved))]


@pytest.mark.parametrize(
    ("changed", "retcode"),
    [
        ({"volume": 0.001}, 10014),
        ({"volume": 0.015}, 10014),
        ({"volume": 90.0}, 10019),
        ({"symbol": "NOPE"}, 10013),
        ({"type_filling": 2}, 10030),
        ({"sl": 9.0}, 10016),
        ({"tp": 0.5}, 10016),
        ({"price": 0.5, "deviation": 10}, 10004),
        ({"type": 9}, 10013),
        ({"position": 1}, 10036),
        ({"action": 99}, 10013),
    ],
)
def test_what_a_server_would_refuse_is_refused(mt5: MetaTrader5, changed: dict[str, Any], retcode: int) -> None:
    checked, sent = mt5.order_check(deal(mt5, **changed)), mt5.order_send(deal(mt5, **changed))
    assert checked is not None
    assert sent is not None
    assert (checked.retcode, sent.retcode) == (retcode, retcode)
    assert mt5.positions_get() == ()


def test_a_request_with_a_field_that_there_is_not_is_none(mt5: MetaTrader5) -> None:
    assert mt5.order_send(deal(mt5, surprise=1)) is None
    assert mt5.last_error()[0] == -2


def test_stop_loss_and_take_profit_are_settled_by_the_market(
    mt5: MetaTrader5, market: GeneratedForex, now: Now
) -> None:
    for jump, reason in ((-0.01, mt5.ORDER_REASON_SL), (0.01, mt5.ORDER_REASON_TP)):
        info = mt5.symbol_info("EURUSD")
        assert info is not None
        sent = mt5.order_send(deal(mt5, sl=round(info.ask - 0.002, 5), tp=round(info.ask + 0.002, 5)))
        assert sent is not None
        assert sent.retcode == mt5.TRADE_RETCODE_DONE
        market.jump("EURUSD", jump)
        now.ms += 20_000
        assert mt5.positions_get() == ()
        deals = mt5.history_deals_get(position=sent.order)
        assert deals is not None
        assert deals[-1].reason == reason
        assert (deals[-1].profit > 0) == (jump > 0)


def test_a_pending_order_waits_triggers_and_expires(mt5: MetaTrader5, market: GeneratedForex, now: Now) -> None:
    info = mt5.symbol_info("XAUUSD")
    assert info is not None
    pending = deal(
        mt5, action=mt5.TRADE_ACTION_PENDING, type=mt5.ORDER_TYPE_BUY_STOP, symbol="XAUUSD",
        price=round(info.ask + 5, 2), type_time=mt5.ORDER_TIME_SPECIFIED, expiration=info.time + 7200,
    )  # fmt: skip
    sent = mt5.order_send(pending)
    assert sent is not None
    assert [order.ticket for order in mt5.orders_get() or ()] == [sent.order]
    assert mt5.order_send({**pending, "price": round(info.ask - 5, 2)}).retcode == mt5.TRADE_RETCODE_INVALID_PRICE  # type: ignore[union-attr]
    market.jump("XAUUSD", 0.01)
    now.ms += 20_000
    assert mt5.orders_get() == ()
    assert len(mt5.positions_get(symbol="XAUUSD") or ()) == 1
    now_info = mt5.symbol_info("XAUUSD")
    assert now_info is not None
    mt5.order_send({**pending, "price": round(now_info.ask + 500, 2), "expiration": now_info.time + 10})
    now.ms += 60_000
    assert mt5.orders_get() == ()
    assert len(mt5.positions_get(symbol="XAUUSD") or ()) == 1


def test_margin_and_profit_are_in_the_accounts_currency(mt5: MetaTrader5) -> None:
    assert mt5.order_calc_margin(0, "EURUSD", 1.0, 1.1) == 1100.0
    assert mt5.order_calc_margin(0, "USDJPY", 1.0, 150.0) == 1000.0
    assert mt5.order_calc_profit(0, "USDJPY", 1.0, 150.0, 151.5) == pytest.approx(990.10)
    assert mt5.order_calc_profit(1, "XAUUSD", 0.1, 2400.0, 2390.0) == pytest.approx(100.0)


async def test_another_process_sees_the_same_terminal(mt5: MetaTrader5, now: Now) -> None:
    app = web.Application()
    add_routes(app, mt5)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    remote = RemoteMetaTrader5(f"http://127.0.0.1:{runner.addresses[0][1]}")

    def ask() -> None:
        assert remote.initialize()
        assert remote.TIMEFRAME_H4 == mt5_types.TIMEFRAME_H4
        assert remote.account_info() == mt5.account_info()
        assert remote.symbols_get() == mt5.symbols_get()
        bars = remote.copy_rates_from_pos("EURUSD", 15, 0, 50)
        assert np.array_equal(bars, mt5.copy_rates_from_pos("EURUSD", 15, 0, 50))
        since = datetime.fromtimestamp(START_MS / 1000 + SHIFT_S, UTC)
        ticks = remote.copy_ticks_from("EURUSD", since, 10, remote.COPY_TICKS_ALL)
        assert np.array_equal(ticks, mt5.copy_ticks_from("EURUSD", since, 10, mt5.COPY_TICKS_ALL))
        sent = remote.order_send(deal(mt5))
        assert sent.retcode == remote.TRADE_RETCODE_DONE
        assert sent.request.symbol == "EURUSD"
        assert remote.positions_get() == mt5.positions_get()
        assert remote.symbol_info("NOPE") is None
        assert remote.last_error() == (-4, "Terminal: Not found")

    await asyncio.to_thread(ask)
    await runner.cleanup()
    assert await asyncio.to_thread(remote.account_info) is None
    assert remote.last_error() == (-10004, "No IPC connection")
    assert now.ms > START_MS
