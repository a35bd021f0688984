"""The newest closed seconds of one instrument, as a network's window is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.forecast import inputs
from trifecta.forecast.minutes import Floats
from trifecta.market.events import OrderFlow


class Recent:
    """Keeps `size` seconds, numbered by their exclusive end; a second that nobody recorded is a row of NaN."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.now = 0
        self._rows = np.full((size, len(inputs.SECOND)), np.nan)

    def add(self, rows: Sequence[OrderFlow]) -> None:
        """Takes in closed seconds, in any order."""
        for row in rows:
            second = row.ts_event // NS_PER_S
            self._advance(second)
            place = second - self.now + self.size - 1
            if place >= 0:
                self._rows[place] = inputs.values(row)

    def grow(self, size: int) -> bool:
        """Makes room for `size` seconds; true if there was less, so that older ones are to be added."""
        if size <= self.size:
            return False
        before, self._rows = self._rows, np.full((size, len(inputs.SECOND)), np.nan)
        self._rows[-self.size :] = before
        self.size = size
        return True

    def newest(self, seconds: int) -> Floats:
        """float64 (seconds, 13), a row a second, the newest last."""
        return self._rows[-seconds:]

    def _advance(self, now: int) -> None:
        passed = min(now - self.now, self.size)
        if passed > 0:
            self._rows[:-passed] = self._rows[passed:]
            self._rows[-passed:] = np.nan
            self.now = now
