"""Each stream is asked for where the venue serves it, once."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from trifecta import venues
from trifecta.capture import addresses
from trifecta.capture.addresses import rest_url, sockets
from trifecta.clock import SystemClock
from trifecta.errors import SettingsError
from trifecta.settings import Market, VenueSettings, load

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize("name", ["binance", "binance_usdm", "binance_coinm"])
def test_live_sockets_bring_every_stream_exactly_once(name: str) -> None:
    venue = venues.venue(name)
    found = sockets(load(market=Market.LIVE), venue, SYMBOLS)
    assert sorted(stream for _, streams in found for stream in streams) == sorted(venue.streams(SYMBOLS))
    assert all(url.startswith("wss://") for url, _ in found)


def test_live_usdm_bars_come_from_another_address_than_its_book() -> None:
    book, bars = sockets(load(market=Market.LIVE), venues.venue("binance_usdm"), ["BTCUSDT"])
    assert book.url == "wss://fstream.binance.com/public/stream"
    assert book.streams == ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"]
    assert bars.url == "wss://fstream.binance.com/market/stream"
    assert bars.streams == ["btcusdt@kline_1m"]


@pytest.mark.parametrize("market", [Market.SIMULATED, Market.RECORDED])
@pytest.mark.parametrize(
    ("name", "rest", "stream"), [("binance", "/api", "/stream"), ("binance_usdm", "/fapi", "/fstream/stream")]
)
def test_anything_but_live_reaches_only_the_emulator(market: Market, name: str, rest: str, stream: str) -> None:
    settings = load(market=market, emulator_port=18_900)
    venue = venues.venue(name)
    assert rest_url(settings, venue) == f"http://127.0.0.1:18900{rest}"
    assert [url for url, _ in sockets(settings, venue, SYMBOLS)] == [f"ws://127.0.0.1:18900{stream}"]


def test_venue_that_the_emulator_lacks_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match=r"venues\.binance_coinm is enabled, but the emulator has none"):
        sockets(load(), venues.venue("binance_coinm"), ["BTCUSD_PERP"])


@pytest.mark.parametrize(("market", "told"), [(Market.LIVE, "k3y"), (Market.SIMULATED, None)])
async def test_a_key_is_for_the_venue_and_not_for_the_emulator(market: Market, told: str | None) -> None:
    settings = load(market=market, venues={"binance_usdm": VenueSettings(api_key=SecretStr("k3y"))})
    rest = addresses.rest(settings, venues.venue("binance_usdm"), SystemClock())
    assert told == rest._client.API_KEY
    await rest.close()
