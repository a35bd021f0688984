"""The bytes of every stream frame (the `data` part), spelled as Binance spells them.

Written out by hand because these run for every message: one f-string costs a fifth of encoding a dict. Samples of each
frame stand in the tests, taken from recordings of the real venue.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from trifecta.emulator.config import MarketName
from trifecta.emulator.instruments import Instrument
from trifecta.emulator.klines import Kline


class Trade(NamedTuple):
    """A public print; price and quantity in e8, time in ms."""

    id: int
    price: int
    qty: int
    ts_ms: int
    buyer_maker: bool


class Diff(NamedTuple):
    """Levels changed since `previous_id`, at their present quantity; 0 is gone."""

    first_id: int
    last_id: int
    previous_id: int
    bids: Mapping[int, int]
    asks: Mapping[int, int]


class Frames(Protocol):
    """What one market's frames look like."""

    def trade(self, trade: Trade, now_ms: int) -> bytes: ...
    def agg_trade(self, trade: Trade, agg_id: int, now_ms: int) -> bytes: ...
    def book_ticker(self, update_id: int, top: tuple[int, int, int, int], now_ms: int) -> bytes: ...
    def depth(self, diff: Diff, now_ms: int) -> bytes: ...
    def kline(self, kline: Kline, closed: bool, now_ms: int) -> bytes: ...


def frames_of(instrument: Instrument) -> Frames:
    return SpotFrames(instrument) if instrument.market is MarketName.SPOT else UsdmFrames(instrument)


class _Texts:
    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._symbol = instrument.symbol
        self._price = instrument.price_text
        self._qty = instrument.qty_text

    def _levels(self, changed: Mapping[int, int], best_first: bool) -> str:
        ordered = sorted(changed.items(), reverse=best_first)
        return ",".join([f'["{self._price(price)}","{self._qty(qty)}"]' for price, qty in ordered])

    def kline(self, kline: Kline, closed: bool, now_ms: int) -> bytes:
        price, qty = self._price, self._qty
        quote, taker_quote = map(self._instrument.quote_text, (kline.quote, kline.taker_quote))
        return (
            f'{{"e":"kline","E":{now_ms},"s":"{self._symbol}","k":{{"t":{kline.open_ms},"T":{kline.open_ms + 59_999},'
            f'"s":"{self._symbol}","i":"1m","f":{kline.first_id},"L":{kline.last_id},"o":"{price(kline.open)}",'
            f'"c":"{price(kline.close)}","h":"{price(kline.high)}","l":"{price(kline.low)}","v":"{qty(kline.volume)}",'
            f'"n":{kline.trades},"x":{"true" if closed else "false"},"q":"{quote}","V":"{qty(kline.taker_volume)}",'
            f'"Q":"{taker_quote}","B":"0"}}}}'
        ).encode()

    def agg_trade(self, trade: Trade, agg_id: int, now_ms: int) -> bytes:
        ending = ',"M":true' if self._instrument.market is MarketName.SPOT else ""
        return (
            f'{{"e":"aggTrade","E":{now_ms},"s":"{self._symbol}","a":{agg_id},"p":"{self._price(trade.price)}",'
            f'"q":"{self._qty(trade.qty)}","f":{trade.id},"l":{trade.id},"T":{trade.ts_ms},'
            f'"m":{"true" if trade.buyer_maker else "false"}{ending}}}'
        ).encode()


class SpotFrames(_Texts):
    """https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams"""

    def trade(self, trade: Trade, now_ms: int) -> bytes:
        return (
            f'{{"e":"trade","E":{now_ms},"s":"{self._symbol}","t":{trade.id},"p":"{self._price(trade.price)}",'
            f'"q":"{self._qty(trade.qty)}","T":{trade.ts_ms},"m":{"true" if trade.buyer_maker else "false"},"M":true}}'
        ).encode()

    def book_ticker(self, update_id: int, top: tuple[int, int, int, int], now_ms: int) -> bytes:
        bid, bid_qty, ask, ask_qty = top
        return (
            f'{{"u":{update_id},"s":"{self._symbol}","b":"{self._price(bid)}","B":"{self._qty(bid_qty)}",'
            f'"a":"{self._price(ask)}","A":"{self._qty(ask_qty)}"}}'
        ).encode()

    def depth(self, diff: Diff, now_ms: int) -> bytes:
        return (
            f'{{"e":"depthUpdate","E":{now_ms},"s":"{self._symbol}","U":{diff.first_id},"u":{diff.last_id},'
            f'"b":[{self._levels(diff.bids, True)}],"a":[{self._levels(diff.asks, False)}]}}'
        ).encode()


class UsdmFrames(_Texts):
    """https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams"""

    def trade(self, trade: Trade, now_ms: int) -> bytes:
        return (
            f'{{"e":"trade","E":{now_ms},"T":{trade.ts_ms},"s":"{self._symbol}","t":{trade.id},'
            f'"p":"{self._price(trade.price)}","q":"{self._qty(trade.qty)}","X":"MARKET",'
            f'"m":{"true" if trade.buyer_maker else "false"}}}'
        ).encode()

    def book_ticker(self, update_id: int, top: tuple[int, int, int, int], now_ms: int) -> bytes:
        bid, bid_qty, ask, ask_qty = top
        return (
            f'{{"e":"bookTicker","u":{update_id},"s":"{self._symbol}","b":"{self._price(bid)}",'
            f'"B":"{self._qty(bid_qty)}","a":"{self._price(ask)}","A":"{self._qty(ask_qty)}",'
            f'"T":{now_ms},"E":{now_ms}}}'
        ).encode()

    def depth(self, diff: Diff, now_ms: int) -> bytes:
        return (
            f'{{"e":"depthUpdate","E":{now_ms},"T":{now_ms},"s":"{self._symbol}","U":{diff.first_id},'
            f'"u":{diff.last_id},"pu":{diff.previous_id},"b":[{self._levels(diff.bids, False)}],'
            f'"a":[{self._levels(diff.asks, False)}]}}'
        ).encode()
