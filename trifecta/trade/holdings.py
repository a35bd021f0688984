"""What the accounts at live venues hold: only what lies there can be sold between venues, or paid with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from loguru import logger

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import TransientError
from trifecta.market.money import ZERO
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.valuing import UntradableError

ASKED_NS = 60 * NS_PER_S
"""How long an answer counts where no trade of ours ended: venues allow few such questions."""


class Holdings:
    """The newest answer of each account, less what was spent since."""

    def __init__(self, gateways: Mapping[str, Gateway], clock: Clock) -> None:
        self._gateways = gateways
        self._clock = clock
        self._free: dict[str, dict[str, Decimal]] = {}
        self._asked: dict[str, int] = {}

    def ask(self) -> None:
        """Asks the venues whose answer is old, or where a trade has ended since."""
        now_ns = self._clock.now_ns()
        for venue, gateway in self._gateways.items():
            if venue in self._asked and now_ns - self._asked[venue] < ASKED_NS:
                continue
            try:
                self._free[venue] = dict(gateway.balances())
                self._asked[venue] = now_ns
            except TransientError as error:
                self._free.pop(venue, None)
                logger.warning("{} does not tell what its account holds: {}", venue, error)

    def take(self, *wanted: tuple[str, str, Decimal]) -> None:
        """Takes every (venue, currency, amount) off what lies there.

        Raises:
            UntradableError: it does not lie there, or its venue has not told.
        """
        for venue, currency, amount in wanted:
            if venue not in self._free:
                raise UntradableError(f"{venue} has not told yet what its account holds")
            if amount > (free := self._free[venue].get(currency, ZERO)):
                raise UntradableError(
                    f"the account at {venue} holds {free.normalize():f} {currency}, {amount.normalize():f} are needed: "
                    "live, both legs between two venues spend what lies there"
                )
        for venue, currency, amount in wanted:
            self._free[venue][currency] -= amount

    def moved(self, venues: Iterable[str]) -> None:
        """A trade at these venues has ended: what they hold is asked anew."""
        for venue in venues:
            self._asked.pop(venue, None)
