"""What counts as wrong: one rule a line of the runbook, each a question to the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from trifecta.clock import NS_PER_S
from trifecta.ops.alerts.facts import Facts
from trifecta.settings import AlertSettings

SIDECAR_SILENT_S = 15.0
LEDGER_SILENT_S = 10.0
TRADER_SILENT_S = 30.0
RESTART_S = 60.0
"""What always runs is started again within this."""
GIB = 1024**3


class Severity(StrEnum):
    """Whether it waits until quiet hours are over."""

    CRITICAL = "critical"
    WARNING = "warning"


Found = Iterator[tuple[str, str]]
"""(subject, what is wrong with it): a cause, the same as long as rule and subject are the same."""


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong."""

    name: str
    severity: Severity
    find: Callable[[Facts, AlertSettings], Found]
    meaning: str
    remedy: str
    """What a person does about it, as the runbook says."""
    holds_s: Callable[[AlertSettings], float] = lambda _: 0.0
    """For how long a cause must last before anybody is told."""


def _feed_down(facts: Facts, settings: AlertSettings) -> Found:
    if not facts.collecting:
        return
    told = {feed.source: feed for feed in facts.feeds}
    for source in facts.expected:
        feed = told.get(source)
        if feed is None:
            yield source, "its recorder has never reported"
        elif not feed.alive:
            yield source, f"its recorder last reported {feed.age_s:.0f} s ago"
        elif not feed.report.get("connected"):
            problem = str(feed.report.get("problem") or "the venue does not answer")
            yield source, f"its recorder is not connected: {problem}"
        elif (silent_s := _silent_s(facts, feed.report)) > settings.feed_silent_s:
            yield source, f"connected, but no frame came for {silent_s:.0f} s"
    for source, feed in told.items():
        # Terminals, pools and signals: a market that is closed is silent, so only what says so itself is down
        if source not in facts.expected and feed.alive and not feed.report.get("connected"):
            yield source, f"not connected: {feed.report.get('problem') or 'it does not answer'}"


def _silent_s(facts: Facts, report: dict[str, object]) -> float:
    last = report.get("last_frame_ts_ns")
    return (facts.now_ns - last) / NS_PER_S if isinstance(last, int) and last else 0.0


def _gap_open(facts: Facts, _: AlertSettings) -> Found:
    for feed in facts.feeds:
        if feed.alive and (count := feed.report.get("gaps_open")):
            yield feed.source, f"{count} gap{'s' if count != 1 else ''} not repaired"


def _sidecar_down(facts: Facts, _: AlertSettings) -> Found:
    if facts.health is None:
        yield "sidecar", "it does not answer: the Expert Advisor gets no range"


def _lake_unreadable(facts: Facts, _: AlertSettings) -> Found:
    problem = str((facts.health or {}).get("lake", "ok"))
    if problem != "ok":
        yield "lake", problem


def _ledger_unreadable(facts: Facts, _: AlertSettings) -> Found:
    if facts.ledger_problem:
        yield "ledger", facts.ledger_problem


def _disk_low(facts: Facts, settings: AlertSettings) -> Found:
    if facts.free_bytes is not None and facts.free_bytes < settings.disk_free_gib * GIB:
        yield "disk", f"{facts.free_bytes / GIB:.1f} GiB are free, {settings.disk_free_gib:g} GiB are needed"


def _halted(facts: Facts, _: AlertSettings) -> Found:
    if facts.halted is not None:
        yield "trading", f"halted by {facts.halted.actor}: {facts.halted.reason}"


def _order_unknown(facts: Facts, _: AlertSettings) -> Found:
    for order in facts.unknown:
        yield order.client_order_id, f"{order.symbol} at {order.venue}: sent {order.age_s:.0f} s ago, fate unknown"


def _trader_down(facts: Facts, _: AlertSettings) -> Found:
    if facts.trader is not None and (age_s := (facts.now_ns - facts.trader.ts_ns) / NS_PER_S) > TRADER_SILENT_S:
        yield "trader", f"silent for {age_s:.0f} s with {facts.trader.open_trades} open trades"


def _leg_alone(facts: Facts, _: AlertSettings) -> Found:
    for alarm in () if facts.trader is None else facts.trader.alarms:
        yield alarm.partition(" ")[0], alarm


def _flow_failed(facts: Facts, _: AlertSettings) -> Found:
    for flow, state in facts.failed.items():
        yield flow, f"its newest run ended {state.lower()}"


def _limit_hit(facts: Facts, _: AlertSettings) -> Found:
    for refusal in facts.refusals:
        yield f"{refusal.portfolio} {refusal.rule}", refusal.reason


def _model_demoted(facts: Facts, _: AlertSettings) -> Found:
    for lost in facts.dethroned:
        yield lost.market, f"no model serves any more: {lost.reason}"


def _model_drift(facts: Facts, _: AlertSettings) -> Found:
    yield from facts.drifted.items()


RULES = (
    Rule(
        "feed_down",
        Severity.CRITICAL,
        _feed_down,
        "A venue that should be recorded is not: its recorder is gone, not connected, or hears nothing.",
        "`trifecta status` names the problem, `run/logs/ingest.log` (without Prefect `recorder.log`) tells more. A "
        "process that died starts again by itself; a venue that does not answer is asked again for as long as it "
        "takes. With `TRIFECTA_MARKET=live`, `trifecta doctor` tells whether this machine reaches Binance. What was "
        "missed meanwhile is fetched again where the venue still tells it.",
        lambda settings: settings.feed_silent_s,
    ),
    Rule(
        "gap_open",
        Severity.WARNING,
        _gap_open,
        "Trades that the feed skipped could not be fetched again so far.",
        "The recorder goes on asking by itself; `trifecta backfill` does so only where none runs. USD-M futures need "
        "`TRIFECTA_VENUES__BINANCE_USDM__API_KEY` and a restart for gaps that are older than the newest trades. The "
        "quality page lists each gap; what the venue no longer tells becomes `lost` and stays visible.",
        lambda settings: settings.gap_open_s,
    ),
    Rule(
        "sidecar_down",
        Severity.CRITICAL,
        _sidecar_down,
        "The HTTP sidecar does not answer, so the Expert Advisor falls back to its own levels.",
        "Look at `run/logs/sidecar.log`. `trifecta up` starts it again; without the supervisor run `trifecta serve`.",
        lambda _: SIDECAR_SILENT_S,
    ),
    Rule(
        "lake_unreadable",
        Severity.CRITICAL,
        _lake_unreadable,
        "The sidecar cannot read the lake: forecasts go on from the bus, history does not.",
        "`trifecta doctor` checks the lake. Recording is not affected. If the lake is lost: `trifecta down`, move the "
        "folder `lake` aside, `trifecta up`: recorders make it again from their journals, `capture.journal_days` back. "
        "Imports, forecasts and opportunities are in no journal.",
    ),
    Rule(
        "ledger_unreadable",
        Severity.CRITICAL,
        _ledger_unreadable,
        "The ledger cannot be read: nothing is traded while it is away.",
        "Check `TRIFECTA_LEDGER_URL` and that the server runs; of SQLite, that its file is there, the disk not full. A "
        "file that is gone is not made anew: bring it back, or remove `ledger.db.made` beside it to begin a new one.",
        lambda _: LEDGER_SILENT_S,
    ),
    Rule(
        "disk_low",
        Severity.CRITICAL,
        _disk_low,
        "The data folder's disk is nearly full. Without room a recorder cannot keep what it hears.",
        "Make room: `du -sh data/*` tells what takes it, `TRIFECTA_CAPTURE__JOURNAL_DAYS=3 trifecta retention` removes "
        "older journals now; set it in `.env` to keep it so. `alerts.disk_free_gib` says how much must be free.",
    ),
    Rule(
        "flow_failed",
        Severity.WARNING,
        _flow_failed,
        "The newest run of a scheduled flow did not complete.",
        "Prefect shows the run with its log and, of `quality`, the artifact `checks` with the rows that cannot be "
        "true. What passes by itself is tried again by the next run; anything else needs the log.",
        lambda _: RESTART_S,
    ),
    Rule(
        "halted",
        Severity.CRITICAL,
        _halted,
        "Trading is halted: no order is sent anywhere until a person resumes.",
        "Read the reason, look at the Risk page, mend what caused it, then resume there or by `trifecta resume 'why'`.",
    ),
    Rule(
        "order_unknown",
        Severity.CRITICAL,
        _order_unknown,
        "An order was sent and no answer told its fate. It may stand at the venue.",
        "The venue is asked again every few seconds, by the order's own id; Coinbase's no takes 123 s. If it lasts, "
        "look at the venue's order list by time, symbol and size (Binance alone shows the id as it stands here), and "
        "halt until you know.",
    ),
    Rule(
        "trader_down",
        Severity.CRITICAL,
        _trader_down,
        "The trader does not report: nothing is traded, and open positions are not ended.",
        "Look at `run/logs/trader.log`. `trifecta up` starts it again, and it goes on from the ledger; without the "
        "supervisor run `trifecta trade`.",
    ),
    Rule(
        "leg_alone",
        Severity.CRITICAL,
        _leg_alone,
        "One leg of an arbitrage was filled, the other was not, and unwinding it has not worked so far.",
        "It is tried every second, and nothing new is opened meanwhile. A halt stops the unwinding too: resume if one "
        "stands. To trade the rest by hand, halt first and stay halted: the ledger does not know of your trade, and "
        "after a resume the leg would be unwound once more.",
    ),
    Rule(
        "limit_hit",
        Severity.WARNING,
        _limit_hit,
        "A risk limit refused a trade in the last quarter of an hour.",
        "The Risk page shows each limit and how much of it is used. A cooldown ends by itself. Change a limit only "
        "with a reason that will hold tomorrow.",
    ),
    Rule(
        "model_demoted",
        Severity.WARNING,
        _model_demoted,
        "A model lost its place and none took it: the best baseline serves, of a direction none; answers say so.",
        "The Models page shows why. The best baseline serves meanwhile, so nothing is urgent. Train anew, or let an "
        "earlier version serve: `trifecta models list`, then `trifecta models promote VERSION --reason 'why'`. It "
        "lasts until a version serves; `alerts.mute` silences it.",
    ),
    Rule(
        "model_drift",
        Severity.WARNING,
        _model_drift,
        "The market moved away from the one a serving model was trained on.",
        "Compare model and baselines on the Models page. Training on newer data is the usual answer; a model that "
        "falls behind the best baseline is demoted by itself.",
    ),
)
