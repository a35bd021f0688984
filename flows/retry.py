"""Which failures are worth another attempt, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from trifecta.errors import TransientError
from warehouse.errors import BusyError


async def transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """True where the same call may succeed later; anything else needs a person, at once."""
    failure = await state.aresult(raise_on_failure=False)
    return isinstance(failure, TransientError | BusyError)


class Policy(TypedDict):
    """Arguments of `prefect.task`."""

    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], Awaitable[bool]]
    cache_policy: CachePolicy


STEP = Policy(
    retries=3,
    retry_delay_seconds=[5.0, 30.0, 120.0],
    retry_condition_fn=transient,
    cache_policy=NO_CACHE,  # inputs are connections and folders; the same call must do its work again
)
"""How a step of a scheduled flow is retried."""
