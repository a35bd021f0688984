"""What was skipped while nobody could fetch it is fetched later, while nobody records."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.capture.test_recorder import assert_lake_is_the_record, lake_of, market, recording, settings_of
from trifecta.capture.backfill import backfill
from trifecta.clock import SystemClock
from trifecta.emulator.config import Fault, FaultKind

pytestmark = pytest.mark.timeout(120)
BOUND_S = 60.0
REFUSING = Fault(FaultKind.HTTP_5XX, stream="historicalTrades", count=1_000_000)


async def test_trades_that_could_not_be_fetched_are_fetched_later(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url, aiohttp.ClientSession(base_url) as control:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            for fault in (REFUSING, Fault(FaultKind.GAP, stream="trade", count=20)):
                assert (await control.post("/control/fault", data=msgspec.json.encode(fault))).status == 200
            await run.until(lambda beat: beat.gaps_open)
            (busy,) = await backfill(settings, clock=SystemClock(), bound_s=BOUND_S)
            assert busy.by_recorder
            await run.end()
        with lake_of(settings) as lake:
            opened = lake.execute("select count(*) from gaps where status = 'open' and stream = 'trade'").fetchall()
        await control.delete("/control/fault")
        (done,) = await backfill(settings, clock=SystemClock(), bound_s=BOUND_S)
    assert opened == [(done.gaps_before,)]
    assert done.gaps_before > 0
    assert (done.by_recorder, done.gaps_open) == (False, 0)
    assert assert_lake_is_the_record(tmp_path, settings) > 0
