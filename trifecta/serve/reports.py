"""Metrics of the other processes: what recorders, flows and the watch last wrote into the run folder.

They need no port and no library for it, and what they said last outlives them: the age of a report tells who is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trifecta.clock import NS_PER_S

_RUN = re.compile(r"-\d+$")  # a flow's process is named with its number
_CREATED_TOLERANCE_S = 0.05
_RECORDER_GAUGES = {
    "connected": "1 while the venue's stream is connected",
    "collecting": "1 while collection is switched on",
    "frames_per_s": "Frames a second, lately",
    "gaps_open": "Gaps that are not repaired yet",
}
_RECORDER_COUNTERS = {
    "frames": "Frames received",
    "reconnects": "Times the stream was connected again",
    "quarantined": "Inputs that could not be true",
}
_TRADER_COUNTERS = {
    "through": "Trades that are through",
    "events": "Books and quotes taken in",
    "offers": "Looks of the scanners taken in",
    "decide_s": "Seconds spent on deciding",
    "discrepancies": "Times ledger and venue disagreed",
}
_AGES = {
    "ts_ns": ("report_age_seconds", "Since the recorder reported"),
    "last_frame_ts_ns": ("frame_age_seconds", "Since the last frame"),
    "last_commit_ts_ns": ("commit_age_seconds", "Since rows reached the lake"),
}


def collect(run_dir: Path, now_ns: int) -> Iterator[Metric]:
    """The metrics of every other process of this data folder."""
    yield from _recorders([report for path in run_dir.glob("recorder-*.json") if (report := _read(path))], now_ns)
    yield from _processes(run_dir)
    yield from _flows([report for path in run_dir.glob("flow-*.json") if (report := _read(path))], now_ns)
    yield _alerts(_read(run_dir / "alerts.json"))
    if told := _read(run_dir / "trader.json"):
        yield from _trader(told, now_ns)


def _read(path: Path) -> dict[str, Any]:
    """A report; empty where there is none or it is no object."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return {}


def _recorders(reports: list[dict[str, Any]], now_ns: int) -> Iterator[Metric]:
    for name, doc in _RECORDER_GAUGES.items():
        gauge = GaugeMetricFamily(f"trifecta_recorder_{name}", doc, labels=["source"])
        for report in reports:
            gauge.add_metric([report["source"]], float(report.get(name, 0)))
        yield gauge
    for name, doc in _RECORDER_COUNTERS.items():
        counter = CounterMetricFamily(f"trifecta_recorder_{name}", doc, labels=["source"])
        for report in reports:
            counter.add_metric([report["source"]], float(report.get(name, 0)))
        yield counter
    for name, (metric, doc) in _AGES.items():
        age = GaugeMetricFamily(f"trifecta_recorder_{metric}", doc, labels=["source"])
        for report in reports:
            if report.get(name):
                age.add_metric([report["source"]], (now_ns - report[name]) / NS_PER_S)
        yield age
    valid = GaugeMetricFamily("trifecta_recorder_book_valid", "1 while the book is whole", labels=["source", "symbol"])
    for report in reports:
        for symbol, holds in report.get("book_valid", {}).items():
            valid.add_metric([report["source"], symbol], float(holds))
    yield valid


def _processes(run_dir: Path) -> Iterator[Metric]:
    up = GaugeMetricFamily("trifecta_process_up", "1 while the process lives", labels=["process"])
    memory = GaugeMetricFamily("trifecta_process_resident_bytes", "Memory of the process", labels=["process"])
    spent = CounterMetricFamily("trifecta_process_cpu_seconds", "Processor time spent", labels=["process"])
    newest = dict[str, psutil.Process | None]()
    for path in run_dir.glob("*.pid"):
        name = _RUN.sub("", path.stem)
        newest[name] = _alive(_read(path)) or newest.get(name)  # runs that were killed left their files behind
    for name, process in sorted(newest.items()):
        up.add_metric([name], float(process is not None))
        if process is not None:
            times = process.cpu_times()
            memory.add_metric([name], process.memory_info().rss)
            spent.add_metric([name], times.user + times.system)
    yield from (up, memory, spent)


def _alive(identity: dict[str, Any]) -> psutil.Process | None:
    """The process that a `.pid` file means, whoever bears its number now."""
    try:
        process = psutil.Process(identity["pid"])
        return process if abs(process.create_time() - identity["created"]) <= _CREATED_TOLERANCE_S else None
    except (KeyError, psutil.Error):
        return None


def _flows(reports: list[dict[str, Any]], now_ns: int) -> Iterator[Metric]:
    runs = CounterMetricFamily("trifecta_flow_runs", "Flow runs that ended", labels=["flow", "state"])
    took = GaugeMetricFamily("trifecta_flow_last_duration_seconds", "How long the last run took", labels=["flow"])
    age = GaugeMetricFamily("trifecta_flow_last_end_age_seconds", "Since the last run ended", labels=["flow"])
    for report in reports:
        for state, count in report["runs"].items():
            runs.add_metric([report["flow"], state], count)
        if report["ended_ns"]:
            took.add_metric([report["flow"]], report["took_s"])
            age.add_metric([report["flow"]], (now_ns - report["ended_ns"]) / NS_PER_S)
    yield from (runs, took, age)


def _trader(told: dict[str, Any], now_ns: int) -> Iterator[Metric]:
    labels, names = [told["portfolio"]], ["portfolio"]
    decided = CounterMetricFamily("trifecta_trader_decisions", "Opportunities decided on", labels=[*names, "verdict"])
    for verdict, count in told["verdicts"].items():
        decided.add_metric([*labels, verdict], count)
    yield decided
    for name, doc in _TRADER_COUNTERS.items():
        counter = CounterMetricFamily(f"trifecta_trader_{name}", doc, labels=names)
        counter.add_metric(labels, told[name])
        yield counter
    gauges = {
        "equity": ("Worth, in the reporting currency", told["equity"]),
        "pnl": ("Worth beyond the capital", told["pnl"]),
        "open_trades": ("Trades that are not through", told["open_trades"]),
        "auto": ("1 while opportunities are executed by rule", told["auto"]),
        "alarms": ("Trades that a person must know of", len(told["alarms"])),
        "report_age_seconds": ("Since the trader reported", (now_ns - told["ts_ns"]) / NS_PER_S),
    }
    for name, (doc, value) in gauges.items():
        gauge = GaugeMetricFamily(f"trifecta_trader_{name}", doc, labels=names)
        gauge.add_metric(labels, float(value))
        yield gauge


def _alerts(state: dict[str, Any]) -> Metric:
    active = GaugeMetricFamily(
        "trifecta_alert_active", "1 while a cause lasts that was told", labels=["rule", "subject"]
    )
    for one in state.get("active", []):
        if one["told"]:
            active.add_metric([one["rule"], one["subject"]], 1.0)
    return active
