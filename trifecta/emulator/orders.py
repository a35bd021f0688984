"""Orders that move one generated book: takers consume liquidity, makers quote around the fair price."""

from itertools import accumulate
from math import floor, tanh
from random import Random

from trifecta.emulator.book import Side
from trifecta.emulator.config import MarketName
from trifecta.emulator.flow import Flow
from trifecta.emulator.instruments import E8, Profile
from trifecta.emulator.listing import Publisher

LEVELS = 1_000  # of each side of a fresh book
LEVELS_MAX = 1_200
LEVELS_MIN = 800
MOST_TAKEN = 8  # levels that one order can take
MOST_PULLED = 1_200  # stale quotes that makers pull at once, as the price jumps
JUMP = 1e-3  # share of the price
MOST_RESTOCKED = 20  # levels that they quote anew then
REACH = 0.015  # of the price: how far from the top a fresh book goes


class OrderFlow:
    """Draws orders for one listing and applies them to its book."""

    def __init__(self, publisher: Publisher, own: Profile, flow: Flow, random: Random) -> None:
        instrument = publisher.listing.instrument
        self.publisher = publisher
        self._book = publisher.listing.book
        self._own = own
        self._flow = flow
        self._random = random
        self._tick = instrument.tick_e8
        self._lot = instrument.lot_e8
        self._perpetual = instrument.market is MarketName.USDM

    def fair(self) -> float:
        """Fair price in e8."""
        factor = 1 + (self._flow.basis if self._perpetual else self._flow.stray)
        return self._flow.price * factor * E8

    def fill(self, first_id: int) -> None:
        """A fresh book around the fair price, its last change numbered `first_id`."""
        bid = floor(self.fair() / self._tick)
        widest = 2 * REACH * bid / LEVELS
        bids = self._levels(bid, -1, widest)
        self._book.load(bids, self._levels(bid + self._own.spread_ticks, 1, widest), first_id)

    def step(self, now_ms: int) -> None:
        """One order."""
        draw = self._random.random()
        taking = self._flow.regime.taking
        if draw < taking:
            self._take(now_ms)
        elif draw < taking + 0.35:
            self._requote()
        elif draw < taking + 0.5:
            self._change_near()
        else:
            self._change_deep()
        self.publisher.quote(now_ms)

    def _levels(self, best: int, outwards: int, widest: float) -> list[tuple[int, int]]:
        """Levels of one side from `best` (ticks) on, up to `widest` ticks apart far away from it."""
        gaps = [1 + int(self._random.expovariate(1.0) * widest * level / LEVELS) for level in range(LEVELS)]
        prices = [ticks * self._tick for ticks in accumulate([best, *[outwards * gap for gap in gaps]]) if ticks > 0]
        return [(price, self._level_qty(price)) for price in prices]

    def _take(self, now_ms: int) -> None:
        """A taker consumes the other side, level by level, up to its size."""
        bid, _, ask, _ = self._book.top()
        stretch = ((bid + ask) / 2 - self.fair()) / (4 * self._tick * self._own.spread_ticks)
        buys = self._random.random() < 0.5 + 0.22 * tanh(self._flow.pressure) - 0.22 * tanh(stretch)
        side = self._book.asks if buys else self._book.bids
        large = 15.0 if self._random.random() < 0.02 else 1.0
        left = self._qty(self._own.trade_notional * large, side.prices[0], 1.1)
        for _ in range(MOST_TAKEN):
            price = side.prices[0] if buys else side.prices[-1]
            standing = side.levels[price]
            taken = min(left, standing)
            self.publisher.print(price, taken, not buys, now_ms)
            self.publisher.change(side, price, standing - taken)
            left -= taken
            if left == 0 or len(side.prices) < LEVELS_MIN // 2:
                return

    def _requote(self) -> None:
        """Makers pull quotes that the fair price has passed, and quote on its other side."""
        width = self._own.spread_ticks * (2 if self._flow.regime.volatility > 2 else 1)
        low = floor(self.fair() / self._tick - width / 2 + self._random.random())
        bid, ask = low * self._tick, (low + width) * self._tick
        bids, asks, change = self._book.bids, self._book.asks, self.publisher.change
        # A jump beyond the whole side leaves none of it, and a book is never empty.
        if bids.prices[0] > bid:
            change(bids, bid, self._level_qty(bid))
        if asks.prices[-1] < ask:
            change(asks, ask, self._level_qty(ask))
        for _ in range(MOST_PULLED):
            if asks.prices[0] > bid and bids.prices[-1] < ask:
                break
            if asks.prices[0] <= bid:
                change(asks, asks.prices[0], 0)
            if bids.prices[-1] >= ask:
                change(bids, bids.prices[-1], 0)
        if bids.prices[-1] < bid < asks.prices[0]:
            self._restock(bids, bid, bids.prices[-1])
        if asks.prices[0] > ask > bids.prices[-1]:
            self._restock(asks, ask, asks.prices[0])
        self._keep_deep(bids, -1)
        self._keep_deep(asks, 1)

    def _restock(self, side: Side, best: int, standing: int) -> None:
        """Quotes `best`; where the price jumped away from what stands, levels behind it too."""
        step = self._tick * self._own.spread_ticks * (1 if standing > best else -1)
        jumped = abs(standing - best) > max(JUMP * best, MOST_RESTOCKED * abs(step))
        for level in range(MOST_RESTOCKED if jumped else 1):
            price = best + level * step
            self.publisher.change(side, price, self._level_qty(price))

    def _change_near(self) -> None:
        """A maker sets anew one of the first levels; pressure thins the side it pushes against."""
        on_bid = self._random.random() < 0.5
        side = self._book.bids if on_bid else self._book.asks
        near = min(int(self._random.expovariate(0.3)), len(side.prices) - 1)
        price = side.prices[-1 - near] if on_bid else side.prices[near]
        lean = 1 + 0.4 * tanh(self._flow.pressure) * (1 if on_bid else -1)
        self.publisher.change(side, price, self._level_qty(price, lean))

    def _change_deep(self) -> None:
        """A quote comes, goes or changes somewhere in the book."""
        on_bid = self._random.random() < 0.5
        side = self._book.bids if on_bid else self._book.asks
        index = int(self._random.random() ** 2 * (len(side.prices) - 1))
        price = side.prices[-1 - index] if on_bid else side.prices[index]
        draw = self._random.random()
        if draw < 0.4 and index > 0 and len(side.prices) > LEVELS_MIN:
            self.publisher.change(side, price, 0)
            return
        if draw > 0.6:
            price += self._tick * (-1 if on_bid else 1) * self._random.randint(1, 5)
        self.publisher.change(side, price, self._level_qty(price))

    def _keep_deep(self, side: Side, outwards: int) -> None:
        """Trims or extends the far end, a few levels at a time, as the top moves."""
        far = side.prices[0] if outwards < 0 else side.prices[-1]
        if len(side.prices) > LEVELS_MAX:
            self.publisher.change(side, far, 0)
        elif len(side.prices) < LEVELS_MIN:
            for _ in range(4):
                far += outwards * self._tick * self._random.randint(1, 20)
                if far > 0:
                    self.publisher.change(side, far, self._level_qty(far))

    def _level_qty(self, price: int, lean: float = 1.0) -> int:
        return self._qty(self._own.level_notional * lean, price, 1.3)

    def _qty(self, notional: float, price: int, spread: float) -> int:
        """A lognormal quantity in e8, on the lot, worth about `notional`."""
        lots = notional * E8 / price * E8 / self._lot * self._random.lognormvariate(0.0, spread) / 2
        return max(1, int(lots)) * self._lot
