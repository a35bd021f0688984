"""Deliberate breakages of the sources: each makes a case fail, so the cases see what they claim to see."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mql5.build import EXPERT, HERE, INCLUDE, ROOT, Flavour, build, run

pytestmark = pytest.mark.timeout(900)

SMALL = HERE / "programs"


@dataclass(frozen=True, slots=True)
class Breakage:
    """One change of one file, and the case that must notice."""

    file: str
    old: str
    new: str
    main: Path
    cases: str
    case: str


BREAKAGES = [
    Breakage(
        "Trifecta/Json.mqh", "zero && m_at > first + 1", "zero && m_at > first + 9",
        SMALL / "json.mq5", "json.cpp", "json: what is not strict JSON is refused",
    ),
    Breakage(
        "Trifecta/MarketRange.mqh", "atr > 1.5 * threshold", "atr > 2.5 * threshold",
        SMALL / "range.mq5", "range.cpp", "range: each regime of the daily bars has its weights",
    ),
    Breakage(
        "Trifecta/MarketRange.mqh", "#define RANGE_H1_BARS 10", "#define RANGE_H1_BARS 11",
        SMALL / "range.mq5", "range.cpp", "range: ten, five and three bars are taken, the current one too",
    ),
    Breakage(
        "Trifecta/SidecarClient.mqh", " || symbol != m_parameters.symbol", "",
        SMALL / "range.mq5", "sidecar.cpp",
        "sidecar: an answer that is no use gives the traditional range at once, and the reason",
    ),
    Breakage(
        "Trifecta/SidecarClient.mqh", "reading.known && since_ms < m_parameters.cache_ms &&", "reading.known &&",
        SMALL / "range.mq5", "sidecar.cpp",
        "sidecar: an answer cut short counts as none, and the last one serves until it is too old",
    ),
    Breakage(
        "Trifecta/Clock.mqh", "now_ms + MathMin(wait_ms, m_longest_ms)", "now_ms + 1000 * wait_ms",
        SMALL / "range.mq5", "sidecar.cpp", "sidecar: after failures it recovers without a restart",
    ),
    Breakage(
        "Trifecta/Http.mqh", "MathMin(timeout_ms, HTTP_MAX_TIMEOUT_MS)", "timeout_ms",
        SMALL / "range.mq5", "sidecar.cpp", "sidecar: one that never answers blocks no longer than the time limit",
    ),
    Breakage(
        "Trifecta/Instrument.mqh", "MathFloor(most / instrument.volume_step", "MathCeil(most / instrument.volume_step",
        SMALL / "sizer.mq5", "sizer.cpp", "sizer: the volume is floored to the step, never rounded up",
    ),
    Breakage(
        "Trifecta/OrderGate.mqh", "(double)NewestTicket((datetime)(TimeTradeServer() - S_PER_DAY))", "9e15",
        SMALL / "orders.mq5", "orders.cpp", "gate: of an order without an answer nothing is doubled",
    ),
    Breakage(
        "Trifecta/OrderGate.mqh", "request.price - side * entry.stop", "request.price + side * entry.stop",
        SMALL / "orders.mq5", "orders.cpp", "gate: an entry bears price, stop and take on the broker's side, in ticks",
    ),
    Breakage(
        "Trifecta/Book.mqh", "(ulong)PositionGetInteger(POSITION_MAGIC) != m_magic", "m_magic == 0",
        SMALL / "orders.mq5", "orders.cpp", "book: sides are counted, foreign positions and orders are left out",
    ),
    Breakage(
        "Trifecta/TickPusher.mqh", "         if(known > 0)\n", "         if(known > 1000)\n",
        SMALL / "pusher.mq5", "pusher.cpp", "pusher: every tick goes once, also those of one millisecond",
    ),
    Breakage(
        "Trifecta/RiskGuard.mqh", 'm_store.Set("stopped", (double)m_day);', "",
        EXPERT, "expert.cpp",
        "expert: the daily loss closes what is ours and holds until the next server day and over a restart",
    ),
    Breakage(
        "Trifecta/BoxLogic.mqh", "const int step = MathMin(order - 2,", "const int step = MathMin(order - 1,",
        EXPERT, "logic.cpp", "logic: gaps and multipliers are the original's, and stay at their last",
    ),
]  # fmt: skip


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: f"{Path(breakage.file).stem}: {breakage.case}")
def test_breakage_is_noticed(breakage: Breakage, tmp_path: Path) -> None:
    include = tmp_path / "Include"
    shutil.copytree(ROOT / INCLUDE, include)
    broken = include / breakage.file
    text = broken.read_text()
    assert text.count(breakage.old) == 1
    broken.write_text(text.replace(breakage.old, breakage.new))
    built = build(breakage.main, ["world.hpp", breakage.cases, "main.cpp"], Flavour.QUICK, include=include)
    assert run(built, breakage.case)[breakage.case] != ""
