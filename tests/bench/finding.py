"""What the scanners find of what the emulator hid, over an hour of its market in virtual time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.measure import Verdict
from tests.scan.virtual import VirtualMarket

SEED = 21
HOUR_S, QUICK_S = 3600.0, 300.0
PER_HOUR = 240.0
QUIET_S = 600.0


def measure(*, quick: bool) -> list[Verdict]:
    seconds = QUICK_S if quick else HOUR_S
    with tempfile.TemporaryDirectory() as folder:
        with VirtualMarket(Path(folder) / "wild", rate=60.0, dislocations_per_hour=PER_HOUR, seed=SEED) as market:
            score = market.score(seconds)
        with VirtualMarket(Path(folder) / "quiet", rate=60.0, seed=SEED) as market:
            quiet = sum(bool(found) for _, found in market.run(QUICK_S / 5 if quick else QUIET_S))
    note = f"{len(score.due)} dislocations that pay, {len(score.missed)} missed; {seconds:.0f} s of market"
    told = f"{len(score.told)} opportunities, {len(score.false)} of them without a dislocation"
    return [
        Verdict("dislocations found", score.recall, "", 0.99, note=note),
        Verdict("opportunities that are true", score.precision, "", 0.99, note=told),
        Verdict("scans with an opportunity in mere noise", quiet, "", 0.0, False),
    ]
