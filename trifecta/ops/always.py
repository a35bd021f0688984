"""Flows that always run, started again from here where Prefect did not.

Its automation is quicker as a rule. But a server whose database was busy at the wrong moment has been seen to lose an
automation until its next start, and then nothing else would begin the run that died.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from trifecta.clock import Clock
from trifecta.ops import parts
from trifecta.serve.prefect_api import PrefectApi, PrefectAwayError
from trifecta.settings import Settings

GRACE_S = 90.0
"""How long a flow may be gone: longer than a run that failed waits for its next."""
LIVES = {parts.INGEST: parts.ingest_lives, parts.SCAN: parts.scan_lives}


class Always:
    """Looks whether they live."""

    def __init__(self, settings: Settings, clock: Clock, say: Callable[[str], None]) -> None:
        self._settings, self._clock, self._say = settings, clock, say
        self._seen_s = dict.fromkeys(LIVES, clock.monotonic_s())

    def tend(self, *, ready: bool) -> None:
        """Starts what has been gone for `GRACE_S` while there was somebody to run it.

        Args:
            ready: Prefect and its worker are there.
        """
        now_s = self._clock.monotonic_s()
        for flow, lives in LIVES.items():
            if not ready or lives(self._settings):
                self._seen_s[flow] = now_s
            elif now_s - self._seen_s[flow] >= GRACE_S:
                self._seen_s[flow] = now_s
                threading.Thread(target=self._start, args=(flow,), daemon=True).start()  # nobody waits for Prefect

    def _start(self, flow: str) -> None:
        try:
            PrefectApi(self._settings.prefect_api_url).start(f"{flow}/{flow}", f"{flow} again", {})
        except PrefectAwayError as error:
            self._say(f"no run of {flow} lives, and none could be started: {error}")
        else:
            self._say(f"no run of {flow} lived for {GRACE_S:.0f} s: another is started")
