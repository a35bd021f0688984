"""Two processes that decide at once share one allowance, on both databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.postgres import Server, server_for_tests
from tests.trade.decider import LIMITS
from tests.trade.trading import BTC, floor
from trifecta.market.orders import OrderStatus
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger, decisions, orders, positions

ROOT = Path(__file__).parents[2]
DECIDERS = 2


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server for this file."""
    with server_for_tests(tmp_path_factory) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()


def _race(url: str, attempts: int) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.trade.decider", url]
    racing = [
        subprocess.Popen([*command, str(name), str(attempts)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in range(DECIDERS)
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in racing:
        process.communicate(b"go\n", timeout=60)
    assert [process.returncode for process in racing] == [0] * DECIDERS


def test_two_deciders_never_exceed_a_limit(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.migrate()
        floor(ledger)
        _race(url, attempts=8)
        with ledger.read() as connection:
            approved = decisions.c.verdict == "approved"
            trades = connection.execute(select(func.count()).select_from(decisions).where(approved)).scalar_one()
            held = connection.execute(select(positions.c.qty)).scalar_one()
            statuses = set(connection.execute(select(orders.c.status)).scalars())
            shared = select(func.count()).select_from(decisions).where(approved)
            each = shared.where(decisions.c.opportunity_id.like("shared%")).group_by(decisions.c.opportunity_id)
            assert set(connection.execute(each).scalars()) <= {1}
            assert audit(connection) == []
    assert statuses == {OrderStatus.FILLED.value}
    assert trades == LIMITS.orders_per_minute  # the tightest of the limits, reached and not passed
    assert held * 100 <= Decimal("0.2") * 100_000


def test_a_trade_is_booked_on_postgresql_as_on_sqlite(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.migrate()
        own = floor(ledger)
        own.books.set(BTC, {"99": "5"}, {"100": "1", "101": "2"})
        own.trade("a", own.ask(BTC, "BUY", "2"))
        own.trade("b", own.ask(BTC, "SELL", "1.5", reduces=True))
        worth = own.worth()
        assert (worth.realised, worth.fees) == (Decimal(-2), Decimal("-0.3495"))
        assert worth.equity == worth.capital + worth.pnl
        with ledger.read() as connection:
            assert audit(connection) == []
