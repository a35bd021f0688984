"""Keeps the ledger's marks and rates at what the market says, so that equity moves with it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import Connection, select

from trifecta.clock import Clock
from trifecta.errors import PermanentError
from trifecta.market.orders import Terms
from trifecta.settings import TradeSettings
from trifecta.trade import booking, posting
from trifecta.trade.books import Books, Place
from warehouse.ledger import Ledger, positions, rates

_DIGITS = 12


class UntradableError(PermanentError):
    """An opportunity cannot become orders; the message says why."""


class Valuing:
    """One portfolio's worth, as far as the market is seen."""

    def __init__(
        self, ledger: Ledger, clock: Clock, books: Books, catalogue: dict[Place, Terms], portfolio: str,
        settings: TradeSettings,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._clock = clock
        self._books = books
        self._catalogue = catalogue
        self._portfolio = portfolio
        self._settings = settings
        self._held = (positions.c.portfolio == portfolio) & (positions.c.qty != 0)
        self._rated: set[str] = set()

    def open(self) -> None:
        """Books the starting capital once in a ledger's life, and the first worth."""
        now_ns = self._clock.now_ns()
        with self._ledger.begin() as connection:
            posting.set_rates(connection, self._settings.parity, now_ns)
            posting.deposit(connection, self._portfolio, self._settings.capital, "start", now_ns)
            self._rated = set(connection.execute(select(rates.c.currency)).scalars())
            booking.snapshot(connection, self._portfolio, self._settings.reporting_currency, now_ns)

    def mark(self) -> bool:
        """Values what is held at the newest mids and adds to the equity series; False where nothing is held."""
        with self._ledger.read() as connection:
            held = connection.execute(
                select(positions.c.venue, positions.c.symbol).where(self._held).distinct()
            ).tuples()
            places = set(held.all())
        if not places:
            return False
        now_ns = self._clock.now_ns()
        with self._ledger.begin(durable=False) as connection:
            self._mark(connection, places)
            posting.set_rates(connection, self._rates(self._foreign()), now_ns)
            booking.snapshot(connection, self._portfolio, self._settings.reporting_currency, now_ns)
        return True

    def prices(self, places: Iterable[Place]) -> None:
        """Marks these instruments, which prices of new orders are compared with."""
        with self._ledger.begin(durable=False) as connection:
            self._mark(connection, places)

    def require(self, currencies: set[str]) -> None:
        """Sees to it that amounts in these currencies have a worth.

        Raises:
            UntradableError: no market tells what one of them is worth.
        """
        missing = currencies - self._rated
        if not missing:
            return
        found = self._rates(missing)
        if unknown := missing - found.keys():
            raise UntradableError(
                f"nothing tells what {', '.join(sorted(unknown))} is worth in {self._settings.reporting_currency}: "
                "set trade.parity or record a market that trades it"
            )
        with self._ledger.begin(durable=False) as connection:
            posting.set_rates(connection, found, self._clock.now_ns())
        self._rated |= found.keys()

    def _mark(self, connection: Connection, places: Iterable[Place]) -> None:
        for venue, symbol in sorted(places):
            best = self._books.best(venue, symbol)
            if best is not None:
                booking.mark(connection, venue, symbol, _price(best.mid), best.ts_recv)

    def _foreign(self) -> set[str]:
        return self._rated - self._settings.parity.keys()

    def _rates(self, currencies: set[str]) -> dict[str, Decimal]:
        """What each of the currencies is worth by the first market that trades it against one at parity."""
        found: dict[str, Decimal] = {}
        for (venue, symbol), terms in self._catalogue.items():
            wanted = {terms.base, terms.quote} & (currencies - found.keys())
            if not wanted or not {terms.base, terms.quote} & self._settings.parity.keys():
                continue
            best = self._books.best(venue, symbol)
            if best is None:
                continue
            if terms.quote in self._settings.parity:
                found[terms.base] = _price(best.mid) * self._settings.parity[terms.quote]
            elif terms.base in self._settings.parity:
                found[terms.quote] = self._settings.parity[terms.base] / _price(best.mid)
        return {currency: _price(float(rate)) for currency, rate in found.items() if currency in currencies}


def _price(told: float) -> Decimal:
    """A float with as many digits as it can be trusted for."""
    return Decimal(f"{told:.{_DIGITS}g}")
