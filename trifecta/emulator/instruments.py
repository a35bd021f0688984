"""Tick, lot and text form of every symbol the emulator can list, and how a generated one behaves.

Ticks, lots and the number of decimals in text follow Binance's exchangeInfo: spot pads prices and quantities to eight
decimals, USD-M writes the instrument's own precision.
"""

from dataclasses import dataclass

from trifecta.emulator.config import EmulatorError, MarketName

E8 = 100_000_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol on one market. Integers are in units of 1e-8 of the quote (prices) or base (quantities)."""

    market: MarketName
    symbol: str
    base: str
    quote: str
    tick_e8: int
    lot_e8: int
    price_decimals: int = 8
    qty_decimals: int = 8
    min_notional_e8: int = 5 * E8

    def price_text(self, price_e8: int) -> str:
        return decimal_text(price_e8, self.price_decimals)

    def qty_text(self, qty_e8: int) -> str:
        return decimal_text(qty_e8, self.qty_decimals)

    def quote_text(self, quote_e8: int) -> str:
        """Turnover, with all the digits that price times quantity can have."""
        return decimal_text(quote_e8, min(8, self.price_decimals + self.qty_decimals))


@dataclass(frozen=True, slots=True)
class Profile:
    """How a generated symbol starts and behaves: volatility a year as a fraction, notionals in quote units."""

    price: float
    volatility: float
    spread_ticks: int
    trade_notional: float
    level_notional: float
    activity: float
    spot: tuple[str, str]  # tick, lot
    usdm: tuple[str, str, int, int]  # tick, lot, decimals of price and quantity in text


PROFILES = {
    "BTCUSDT": Profile(61_800.0, 0.50, 1, 900.0, 12_000.0, 3.0, ("0.01", "0.00001"), ("0.1", "0.001", 2, 3)),
    "ETHUSDT": Profile(2_650.0, 0.65, 1, 700.0, 9_000.0, 2.0, ("0.01", "0.0001"), ("0.01", "0.001", 2, 3)),
    "PAXGUSDT": Profile(2_430.0, 0.14, 4, 500.0, 3_000.0, 1.5, ("0.01", "0.0001"), ("0.01", "0.001", 2, 3)),
    "SOLUSDT": Profile(155.0, 0.85, 1, 500.0, 6_000.0, 1.0, ("0.01", "0.001"), ("0.01", "0.01", 3, 2)),
    "XRPUSDT": Profile(0.61, 0.80, 1, 400.0, 9_000.0, 1.0, ("0.0001", "0.1"), ("0.0001", "0.1", 4, 1)),
    "ADAUSDT": Profile(0.345, 0.80, 1, 300.0, 8_000.0, 0.7, ("0.0001", "0.1"), ("0.0001", "1", 4, 0)),
    "DOGEUSDT": Profile(0.102, 0.90, 1, 350.0, 8_000.0, 1.0, ("0.00001", "1"), ("0.00001", "1", 5, 0)),
    "LTCUSDT": Profile(61.5, 0.70, 1, 300.0, 4_000.0, 0.6, ("0.01", "0.001"), ("0.01", "0.001", 2, 3)),
}


def profile(symbol: str) -> Profile:
    """The generated behaviour of `symbol`; EmulatorError names what is available."""
    if symbol not in PROFILES:
        raise EmulatorError(f"symbols = {symbol!r}: expected any of {', '.join(sorted(PROFILES))}")
    return PROFILES[symbol]


def generated_instrument(market: MarketName, symbol: str) -> Instrument:
    """`symbol` as Binance lists it on `market`."""
    own = profile(symbol)
    base, quote = split_symbol(symbol)
    if market is MarketName.SPOT:
        tick, lot = own.spot
        return Instrument(market, symbol, base, quote, parse_e8(tick), parse_e8(lot))
    tick, lot, price_decimals, qty_decimals = own.usdm
    return Instrument(market, symbol, base, quote, parse_e8(tick), parse_e8(lot), price_decimals, qty_decimals)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote asset of a Binance symbol, by its ending."""
    name = symbol.removesuffix("_PERP")
    for quote in ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "USD", "EUR"):
        if name.endswith(quote) and len(name) > len(quote):
            return name[: -len(quote)], quote
    return name, ""


def parse_e8(text: str) -> int:
    """Integer of 1e-8 units from a decimal text with up to eight decimals: "61837.63" → 6183763000000."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction[:8].ljust(8, "0"))


def decimal_text(value_e8: int, decimals: int) -> str:
    """`value_e8` with exactly `decimals` digits after the point, as the venue writes it."""
    whole, fraction = divmod(value_e8, E8)
    if decimals == 0:
        return str(whole)
    return f"{whole}.{fraction:08d}"[: -(8 - decimals) or None]
