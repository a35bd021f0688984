"""What an exchange's account speaks: signed requests in, its own words and error codes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trifecta.emulator.account import Account, Fees, Tradable
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.instruments import E8, parse_e8


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `path` is that below the exchange's own, with which it was signed; `query` and `body` as sent."""

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


class AnswerError(Exception):
    """A refusal as the venue answers it; `body` is text, or what becomes JSON."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


class SpokenAccount(Protocol):
    """One account in the words of its exchange."""

    account: Account

    def endpoints(self) -> Mapping[tuple[str, str], Callable[[Asked], Any]]:
        """What answers each method and path, once `check` let it pass; the answer is sent as JSON."""

    def check(self, asked: Asked) -> None:
        """Raises AnswerError for a wrong key, signature or time."""


def account_of(
    exchange: Exchange, now_ms: Callable[[], int], smallest: Mapping[str, str], *, fee_in_base: bool = False,
    min_notional: str = "0",
) -> Account:  # fmt: skip
    """An account at this exchange, with the fees of its lowest tier."""
    own = exchange.character
    tradables = [
        Tradable(
            book.listed.symbol, book.listed.base, book.listed.quote, book.listed.tick_e8, book.listed.lot_e8,
            parse_e8(smallest.get(book.listed.base, "0")), parse_e8(min_notional), book.depth,
        )
        for book in exchange.books.values()
    ]  # fmt: skip
    return Account(tradables, Fees(round(own.taker * E8), round(own.maker * E8), fee_in_base), now_ms)
