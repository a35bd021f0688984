"""What goes wrong on the way to the client. The venue's record never sees it."""

import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from trifecta.emulator.config import Fault, FaultKind, MarketName
from trifecta.emulator.streams import Outgoing

HTTP_KINDS = (FaultKind.HTTP_429, FaultKind.HTTP_5XX, FaultKind.TIMEOUT)
TIMED_KINDS = (FaultKind.STALL, FaultKind.LAG, FaultKind.SWAPPED, FaultKind.CLOCK_SKEW)
MOST_ACTIVE = 1_000

Message = dict[str, Any]
T = TypeVar("T")


class Faults:
    """The faults that are acting. Each one ends when its count or time is used up."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.now_s = now_s
        self._active: list[_Active] = []
        self.injected: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        """Starts `fault`; the oldest one ends where too many would be active."""
        self.injected[fault.kind] = self.injected.get(fault.kind, 0) + 1
        if fault.kind is not FaultKind.CUT:
            self._active = [*self.active(), _Active(fault, self.now_s() + fault.duration_s)][-MOST_ACTIVE:]

    def clear(self) -> None:
        self._active = []

    def active(self) -> "list[_Active]":
        now_s = self.now_s()
        self._active = [active for active in self._active if not active.is_over(now_s)]
        return self._active

    def transform(self, market: MarketName) -> Callable[[list[Outgoing]], list[Outgoing]]:
        """What turns the frames of `market` into what clients get."""

        late: Late[Outgoing] = Late(self, market)

        def apply(frames: list[Outgoing]) -> list[Outgoing]:
            for active in self.active() if self._active else ():
                if active.fault.kind not in (*HTTP_KINDS, FaultKind.LAG) and active.fault.market in ("", market):
                    frames = [sent for frame in frames for sent in active.send(frame)]
            return late.due(frames)

        return apply

    def lag_ms(self, market: str) -> int:
        """How late frames come."""
        lags = (a.fault for a in self.active() if a.fault.kind is FaultKind.LAG)
        return sum(fault.ms for fault in lags if fault.market in ("", market))

    def is_acting(self, kind: FaultKind, market: str) -> bool:
        """Whether a fault of this kind lasts at a market."""
        return any(a.fault.kind is kind and a.fault.market in ("", market) for a in self.active())

    def skew_ms(self, market: str) -> int:
        """How far the server's clock is off."""
        skews = (a.fault for a in self.active() if a.fault.kind is FaultKind.CLOCK_SKEW)
        return sum(fault.ms for fault in skews if fault.market in ("", market))

    def next_http(self, market: str, path: str, symbol: str) -> Fault | None:
        """The fault that this request meets, using up one of its count."""
        for active in self.active():
            fault = active.fault
            meets = fault.market in ("", market) and fault.symbol in ("", symbol) and fault.stream in path
            if fault.kind in HTTP_KINDS and meets and active.left:
                active.left -= 1
                return fault
        return None


class Late(Generic[T]):
    """What is under way to a market's clients: held for as long as a lag lasts, in the order it was sent."""

    def __init__(self, faults: Faults, market: str) -> None:
        self._faults = faults
        self._market = market
        self._held: deque[tuple[float, T]] = deque()

    def due(self, sent: list[T]) -> list[T]:
        """What arrives now, of all that was sent until now."""
        lag_ms = self._faults.lag_ms(self._market)
        if not lag_ms and not self._held:
            return sent
        now_s = self._faults.now_s()
        self._held.extend((now_s + lag_ms / 1000, one) for one in sent)
        arrived = []
        while self._held and (not lag_ms or self._held[0][0] <= now_s):
            arrived.append(self._held.popleft()[1])
        return arrived


class _Active:
    """A fault with what is left of it."""

    def __init__(self, fault: Fault, until_s: float) -> None:
        self.fault = fault
        self.left = fault.count
        self._until_s = until_s
        self._held: dict[str, Outgoing] = {}

    def is_over(self, now_s: float) -> bool:
        if self.fault.kind in TIMED_KINDS:
            return now_s >= self._until_s
        return self.left == 0 and not self._held

    def send(self, frame: Outgoing) -> list[Outgoing]:
        """What becomes of a frame."""
        if held := self._held.pop(frame.stream.name, None):
            return [frame, held]
        if not self._meets(frame.stream.name):
            return [frame]
        if self.fault.kind in TIMED_KINDS:
            return self._altered(frame)
        if self.left == 0:
            return [frame]
        sent = self._spoil(frame)
        self.left -= 1
        return sent

    def _altered(self, frame: Outgoing) -> list[Outgoing]:
        match self.fault.kind:
            case FaultKind.STALL:
                return []
            case FaultKind.SWAPPED:
                return [frame.with_data(_changed(frame.data, _swap))]
            case _:
                return [frame.with_data(self._moved(frame.data))]

    def _meets(self, stream: str) -> bool:
        fault = self.fault
        symbol, _, name = stream.partition("@")
        if fault.kind in (FaultKind.CROSSED, FaultKind.SWAPPED) and not name.startswith(("depth", "bookTicker")):
            return False
        return fault.symbol.lower() in ("", symbol) and fault.stream in name

    def _spoil(self, frame: Outgoing) -> list[Outgoing]:
        match self.fault.kind:
            case FaultKind.GAP:
                return []
            case FaultKind.DUPLICATE:
                return [frame, frame]
            case FaultKind.REORDER:
                self._held[frame.stream.name] = frame
                return []
            case FaultKind.BAD_JSON:
                return [frame.with_data(frame.data[: len(frame.data) // 2])]
            case FaultKind.FUTURE:
                return [frame.with_data(self._moved(frame.data))]
            case FaultKind.CROSSED:
                return [frame.with_data(_changed(frame.data, _cross))]
            case _:
                return [frame.with_data(_changed(frame.data, self._misprice))]

    def _moved(self, data: bytes) -> bytes:
        return _changed(data, lambda message: _move(message, self.fault.ms))

    def _misprice(self, message: Message) -> None:
        value = self.fault.value
        if "p" in message:
            message["p"] = value
        elif "k" in message:
            message["k"]["c"] = value
        elif isinstance(message.get("b"), str):
            message["b"] = value
        elif levels := message.get("b") or message.get("a"):
            levels[0][0] = value


def _changed(data: bytes, change: Callable[[Message], None]) -> bytes:
    message = msgspec.json.decode(data)
    change(message)
    return msgspec.json.encode(message)


def _move(message: Message, ms: int) -> None:
    for name in ("E", "T"):
        if name in message:
            message[name] += ms * (1_000 if message[name] > 10**14 else 1)  # microsecond stamps have 16 digits


def _swap(message: Message) -> None:
    """Tells bids as asks and asks as bids, sizes too."""
    for bid, ask in (("b", "a"), ("B", "A")):
        if bid in message:
            message[bid], message[ask] = message[ask], message[bid]


def _cross(message: Message) -> None:
    """Puts the bid above the ask: a quote trades sides, a diff gains a bid at twice the price."""
    if isinstance(message["b"], str):
        message["b"], message["a"] = message["a"], message["b"]
        return
    if levels := message["a"] or message["b"]:
        price, qty = levels[-1]
        message["b"] = [[str(Decimal(price) * 2), qty if Decimal(qty) else "1.000"], *message["b"]]
