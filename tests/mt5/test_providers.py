"""The documented provider calls."""

from __future__ import annotations

import pytest

from tests.mt5.test_stand_in import START_MS, Now
from trifecta.clock import NS_PER_MS, ManualClock
from trifecta.emulator.metatrader5 import MetaTrader5
from trifecta.emulator.mt5_market import GeneratedForex
from trifecta.errors import VenueRefusedError
from trifecta.venues import pocket
from trifecta.venues.providers import get_binary_signals_pocket, get_forex_price_mt5


def test_a_forex_price_has_the_documented_fields() -> None:
    now = Now()
    mt5 = MetaTrader5(GeneratedForex(7, START_MS), now)
    mt5.initialize()
    now.ms += 10_000
    price, tick = get_forex_price_mt5(mt5, "EURUSD"), mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    assert (price.bid, price.ask, price.timestamp) == (tick.bid, tick.ask, tick.time_msc)
    assert price.spread == pytest.approx(tick.ask - tick.bid)
    with pytest.raises(VenueRefusedError, match=r"NOPE.*Not found"):
        get_forex_price_mt5(mt5, "NOPE")


def test_signals_that_are_young_come_most_probable_first(monkeypatch: pytest.MonkeyPatch) -> None:
    items = ",".join(
        f'{{"id":"{age}-{claim}","pair":"EURUSD","direction":"PUT","probability":{claim},"expiry":60,'
        f'"timestamp":{START_MS - age * 1000}}}'
        for age, claim in ((1, 60), (2, 80), (30, 90))
    )
    monkeypatch.setattr(pocket, "fetch", lambda _: f'{{"signals":[{items}]}}'.encode())
    found = get_binary_signals_pocket("http://x", ManualClock(START_MS * NS_PER_MS))
    assert [one.signal_id for one in found] == ["2-80", "1-60"]
