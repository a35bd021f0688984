"""Runs over short tapes, each into a ledger of its own. One of seed 7 is made once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from loguru import logger

from trifecta.settings import Settings
from trifecta.trade.backtest.run import Backtest
from trifecta.trade.backtest.simulated import simulated
from trifecta.trade.backtest.tape import Tape
from warehouse.ledger import Ledger

Run = tuple[Backtest, Ledger]
Traded = Callable[..., Run]


def eight_minutes(seed: int = 7) -> Tape:
    """Four venues that stray often."""
    return simulated(seed, 8 / 60, ("BTC", "ETH"), per_hour=60)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Stock is brought quickly, so that many trades fit into minutes."""
    return Settings(data_dir=tmp_path_factory.mktemp("data"), trade={"transfer_s": 20})


@pytest.fixture(scope="module")
def traded(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    """Trades a tape; the run and its ledger."""
    folder = tmp_path_factory.mktemp("ledgers")
    with ExitStack() as stack:
        made: list[Ledger] = []

        def trade(tape: Tape, *, everything: bool = False, chosen: Settings = settings) -> Run:
            ledger = stack.enter_context(Ledger(f"sqlite:///{folder / f'{len(made)}.db'}", durable=False))
            made.append(ledger)
            ledger.migrate()
            run = Backtest(tape, chosen, ledger, everything=everything)
            logger.disable("trifecta")
            run.run()
            logger.enable("trifecta")
            return run, ledger

        yield trade


@pytest.fixture(scope="module")
def seven(traded: Traded) -> Run:
    """The tape of seed 7, traded."""
    return traded(eight_minutes())
