"""One file per venue: what to subscribe to, and how its bytes become events. The registry names them all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from trifecta.errors import SettingsError
from trifecta.venues.binance import COINM, SPOT, USDM, which
from trifecta.venues.bitfinex import BITFINEX
from trifecta.venues.bitstamp import BITSTAMP
from trifecta.venues.bybit import BYBIT
from trifecta.venues.ccxt_venue import any_venue
from trifecta.venues.coinbase import COINBASE
from trifecta.venues.huobi import HUOBI
from trifecta.venues.kraken import KRAKEN
from trifecta.venues.okx import OKX
from trifecta.venues.upbit import UPBIT
from trifecta.venues.venue import Venue

_LIVE = (SPOT, USDM, COINM, KRAKEN, COINBASE, OKX)
_RECORDED = (BITFINEX, BITSTAMP, BYBIT, HUOBI, UPBIT)  # their own frames are read from recordings alone
VENUES: dict[str, Venue] = {venue.name: venue for venue in (*_LIVE, *_RECORDED)}
_MARKS: dict[str, tuple[bytes, ...]] = {
    KRAKEN.name: (b'"channelName":', b'{"channel":"book"', b'{"method":"subscribe"', b',"book-', b',"trade","'),
    COINBASE.name: (b'"product_id":', b'"product_ids":'),
    OKX.name: (b'"instId":',),
    BITFINEX.name: (b'"chanId":', b'"serverId":'),
    BITSTAMP.name: (b'"bts:', b'"channel":"diff_order_book_'),
    BYBIT.name: (b'"topic":"',),
    HUOBI.name: (b'"ch":"market.', b'"subbed":"market.'),
    UPBIT.name: (b'"ty":"',),
}
SAMPLE = 200  # frames that are looked into for what gives a venue away


def venue(name: str) -> Venue:
    """The venue of this name; `sim_binance` is spoken like `binance`.

    Raises:
        SettingsError: no such venue, of ours or of ccxt's.
    """
    name = name.removeprefix("sim_")
    if name in VENUES:
        return VENUES[name]
    if _is_ccxt(name):
        return any_venue(name)
    raise SettingsError(
        f"venue {name!r} is unknown: use one of {', '.join(VENUES)}, or a venue that ccxt streams (trifecta[markets])"
    )


def _is_ccxt(name: str) -> bool:
    """Whether ccxt streams such a venue; told by its files, because loading it takes a hundred megabytes."""
    found = find_spec("ccxt")
    return bool(
        found and found.origin and name.isidentifier() and (Path(found.origin).parent / "pro" / f"{name}.py").is_file()
    )


def detect(payloads: Sequence[bytes]) -> str:
    """Name of the venue whose frames these are.

    Raises:
        DataError: none that we know.
    """
    for payload in payloads[:SAMPLE]:
        for name, marks in _MARKS.items():
            if any(mark in payload for mark in marks):
                return name
    return which(payloads)
