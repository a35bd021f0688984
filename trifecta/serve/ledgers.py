"""Asking the ledger off the event loop, and what a client is told where it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from trifecta.serve.problems import NoAnswerError
from warehouse.errors import WarehouseError

_Found = TypeVar("_Found")


async def in_ledger(question: Callable[[], _Found]) -> _Found:
    """What the ledger answers.

    Raises:
        NoAnswerError: 503, it cannot be used now.
    """
    try:
        return await asyncio.to_thread(question)
    except (SQLAlchemyError, WarehouseError, OSError) as error:
        logger.warning("the ledger cannot be used: {}", error)
        told = f"the ledger cannot be used ({type(error).__name__}); nothing is traded while it is away"
        raise NoAnswerError(503, "ledger_away", told, retry_after_s=1) from error
