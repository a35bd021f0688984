"""What an emulator is started with; every field is checked here, once."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class EmulatorError(ValueError):
    """A setting, fault or recording that the emulator cannot run with; says which, and what would do."""


class MarketName(StrEnum):
    SPOT = "spot"
    USDM = "usdm"


EXCHANGES = ("kraken", "coinbase", "okx")  # beside Binance


class FaultKind(StrEnum):
    """What can go wrong. `count` bounds those that act frame by frame or request by request, `duration_s` the rest."""

    CUT = "cut"  # sockets are dropped without a close frame
    STALL = "stall"  # connected, pinged, but the frames of `duration_s` never come
    LAG = "lag"  # for `duration_s` every frame comes `ms` late; narrowed by market alone
    DUPLICATE = "duplicate"  # `count` frames are sent twice
    REORDER = "reorder"  # `count` frames come after their successor on the same stream
    GAP = "gap"  # `count` frames are lost
    CROSSED = "crossed"  # `count` depth or bookTicker frames with bid above ask
    SWAPPED = "swapped"  # for `duration_s` what is bid is told as asked, and the other way round
    BAD_JSON = "bad_json"  # `count` frames are cut off in the middle
    BAD_PRICE = "bad_price"  # `count` frames whose first price is `value` (NaN, -1, ...)
    FUTURE = "future"  # `count` frames whose times are `ms` ahead
    CLOCK_SKEW = "clock_skew"  # server time and event times are `ms` off for `duration_s`
    HTTP_429 = "http_429"  # `count` requests are refused with Retry-After
    HTTP_5XX = "http_5xx"  # `count` requests fail with `status`
    TIMEOUT = "timeout"  # `count` requests get no answer for `duration_s`, then a 504


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `kind`, where it acts, how much of it, and when.

    `market` (spot, usdm, or the name of an exchange), `symbol` and `stream` ("trade", "bookTicker", "depth", ... any
    part of the stream's name, or of the path for HTTP kinds) narrow it; empty means everywhere. `at_s` counts from the
    start of the emulator; 0 is at once.
    """

    kind: FaultKind
    market: str = ""
    symbol: str = ""
    stream: str = ""
    count: int = 1
    duration_s: float = 1.0
    ms: int = 3_600_000
    value: str = "NaN"
    status: int = 503
    at_s: float = 0.0

    def __post_init__(self) -> None:
        _require("fault.kind", self.kind, self.kind in tuple(FaultKind), f"one of {', '.join(FaultKind)}")
        known = ("", *MarketName, *EXCHANGES)
        _require("fault.market", self.market, self.market in known, f"one of {', '.join(known[1:])}, or nothing")
        _require("fault.count", self.count, 1 <= self.count <= 1_000_000, "a number of 1 to 1000000")
        _require("fault.duration_s", self.duration_s, 0 < self.duration_s <= 86_400, "seconds, up to a day")
        _require("fault.status", self.status, 500 <= self.status <= 599, "an HTTP status of 500 to 599")
        _require("fault.at_s", self.at_s, self.at_s >= 0, "seconds after the start, 0 for at once")


DEFAULT_SYMBOLS = ("PAXGUSDT", "BTCUSDT", "ETHUSDT")
_POSITIVE = (
    *("history_days", "ping_s", "pong_timeout_s", "max_connection_age_s", "spot_weight_limit", "usdm_weight_limit"),
    *("ban_after", "ban_s", "slice_s", "checkpoint_s", "segment_bytes"),
)


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """An emulator: where it keeps its record, what market it shows, and what goes wrong in it.

    `rate` counts trade, bookTicker and depth frames a second over all symbols and markets, subscribed or not.
    `speed` is the pace of a recording: 1.0 as recorded, 10 ten times that, 0 as fast as clients read.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    seed: int = 7
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    markets: tuple[MarketName, ...] = (MarketName.SPOT, MarketName.USDM)
    rate: float = 100.0
    exchanges: tuple[str, ...] = ()  # of EXCHANGES: they quote the same assets around the same price
    exchange_rate: float = 3.0  # changes a second of each of their books
    dislocations_per_hour: float = 0.0  # how often one of them strays from that price
    history_days: int = 30
    recorded: tuple[Path, ...] = ()
    speed: float = 1.0
    shift_times: bool = True  # venue times of a recording are moved to now
    loop: bool = False  # a recording starts again at its end, with ids that go on rising
    wait_for_client: bool = True  # a recording starts with the first subscription
    ping_s: float = 20.0
    pong_timeout_s: float = 60.0
    max_connection_age_s: float = 86_400.0
    spot_weight_limit: int = 6_000  # per minute and address
    usdm_weight_limit: int = 2_400
    ban_after: int = 10  # requests sent in spite of a 429 until it becomes a 418
    ban_s: float = 120.0
    slice_s: float = 0.01  # frames of one slice are recorded and sent together
    checkpoint_s: float = 10.0
    segment_bytes: int = 64 << 20
    record_limit_bytes: int = 2 << 30  # of recorded frames, per market; the oldest go first. Trades are kept
    faults: tuple[Fault, ...] = ()
    chain: Path | None = None  # folder of the bytecode of an EVM chain with pools; None: no chain

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            _require(name, getattr(self, name), getattr(self, name) > 0, "a number above 0")
        _require("port", self.port, 0 <= self.port <= 65_535, "0 to 65535, 0 for any free one")
        _require("rate", self.rate, 0 <= self.rate <= 1_000_000, "frames a second, 0 to 1000000")
        _require("speed", self.speed, self.speed >= 0, "a factor, or 0 for as fast as clients read")
        _require("symbols", self.symbols, bool(self.symbols), "at least one symbol, e.g. BTCUSDT")
        unknown = [name for name in self.exchanges if name not in EXCHANGES]
        _require("exchanges", self.exchanges, not unknown, f"any of {', '.join(EXCHANGES)}")
        _require("exchange_rate", self.exchange_rate, 0 <= self.exchange_rate <= 1_000, "changes a second, 0 to 1000")
        _require("dislocations_per_hour", self.dislocations_per_hour, self.dislocations_per_hour >= 0, "0 or more")
        _require("markets", self.markets, bool(self.markets), "spot, usdm or both")
        enough = 2 * self.segment_bytes
        _require("record_limit_bytes", self.record_limit_bytes, self.record_limit_bytes >= enough, f"at least {enough}")
        for path in self.recorded:
            _require("recorded", path, path.is_file(), "an existing file of '<recv ns> <json>' lines")


def _require(field: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise EmulatorError(f"{field} = {value!r}: expected {expected}")
