"""A system whose alerts arrive at a webhook, whenever a test looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.alerts.conftest import Webhook
from trifecta.clock import NS_PER_S, ManualClock, SystemClock
from trifecta.ops.alerts.rules import RULES
from trifecta.ops.alerts.running import Running
from trifecta.ops.alerts.sending import Sender
from trifecta.settings import Settings, load

NOW = 1_700_049_600 * NS_PER_S
PATIENCE_S = 90.0


class Ahead(SystemClock):
    """The machine's clock, so many seconds ahead: what is waited for comes at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ns(self) -> int:
        return super().now_ns() + round(self.seconds * NS_PER_S)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class Watched:
    """A system that is watched by some rules alone, whenever a test looks."""

    def __init__(
        self,
        settings: Settings,
        webhook: Webhook,
        *rules: str,
        clock: Ahead | ManualClock | None = None,
        **alerts: object,
    ) -> None:
        self.clock = clock or Ahead()
        muted = [other.name for other in RULES if other.name not in rules]
        chosen = {"urls": [webhook.url], "mute": muted, "summary_at": "", **alerts}
        own = settings.model_copy(update={"alerts": type(settings.alerts).model_validate(chosen)})
        self._running = Running(own, self.clock, Sender(own.alerts.urls))

    def close(self) -> None:
        self._running.close()

    def look(self) -> None:
        self._running.tick()

    async def until(self, holds: Callable[[], bool], bound_s: float = PATIENCE_S) -> None:
        """Looks until it holds."""
        async with asyncio.timeout(bound_s):
            while not holds():
                await asyncio.to_thread(self.look)
                await asyncio.sleep(0.02)

    def wait(self, seconds: float) -> None:
        """Looks twice, with time between."""
        self.look()
        self.clock.advance(seconds)
        self.look()


class Still(Watched):
    """A system that stands still but for what a test does to it, watched by one rule."""

    def __init__(self, folder: Path, webhook: Webhook, rule: str, ledger_url: str = "", **alerts: object) -> None:
        settings = load(data_dir=folder, ledger_url=ledger_url)
        super().__init__(settings, webhook, rule, clock=ManualClock(NOW), **alerts)
