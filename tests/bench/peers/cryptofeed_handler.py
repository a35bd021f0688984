"""cryptofeed's own message handler for Binance spot, fed with recorded frames instead of a socket.

Its parser knows `aggTrade` and not `trade`, so trades are renamed to that; their size stays what it was.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols
from recording import frames
from turns import take_turns

SYMBOL, ID = "BTC-USDT", "BTCUSDT"


class _Rest:
    """Answers every request with the recorded snapshot."""

    def __init__(self, snapshot: bytes) -> None:
        self._snapshot = snapshot.decode()

    async def read(self, *_: Any, **__: Any) -> str:
        return self._snapshot


def as_cryptofeed_knows_it(payload: bytes) -> str:
    if b"@trade" not in payload[:40]:
        return payload.decode()
    renamed = payload.replace(b"@trade", b"@aggTrade", 1).replace(b'"e":"trade"', b'"e":"aggTrade"', 1)
    return renamed.replace(b'"t":', b'"a":', 1).decode()


def main() -> None:
    recorded, snapshot = frames(sys.argv[1:])
    messages = [(stamp, as_cryptofeed_knows_it(payload)) for stamp, payload in recorded]
    Symbols.set("BINANCE", {SYMBOL: ID}, {"tick_size": {SYMBOL: "0.01"}, "instrument_type": {SYMBOL: "spot"}})
    called = dict.fromkeys((TRADES, TICKER, L2_BOOK), 0)

    def counting(channel: str) -> Any:
        async def count(*_: Any) -> None:
            called[channel] += 1

        return count

    callbacks = {channel: counting(channel) for channel in called}
    feed = Binance(symbols=[SYMBOL], channels=list(called), callbacks=callbacks)
    feed.requires_authentication = False
    feed.http_conn = _Rest(snapshot)
    loop = asyncio.new_event_loop()

    async def handle() -> None:
        for stamp, message in messages:
            await feed.message_handler(message, None, stamp)

    def run() -> None:
        feed._reset()
        loop.run_until_complete(handle())

    run()
    take_turns(run, frames=len(messages), called=called)


if __name__ == "__main__":
    main()
