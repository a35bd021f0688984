"""Whether this machine can run the system; each finding says what to do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from rich.text import Text

from trifecta.clock import Clock
from trifecta.errors import SettingsError
from trifecta.ops import parts, ports, processes
from trifecta.ops.reach import Finding, Verdict, venues
from trifecta.settings import Market, Settings, is_loopback
from trifecta.trade.gateways import live
from warehouse import TABLES, Lake
from warehouse.lake import local_path

LEAST_FREE_GB = 2.0
ENOUGH_FREE_GB = 20.0
EXTRAS = {
    "serve": ("fastapi", "uvicorn", "the sidecar"),
    "emulator": ("aiohttp", "aiohttp", "the simulated market"),
    "flows": ("prefect", "prefect", "schedules"),
    "dashboard": ("streamlit", "plotly", "the dashboard"),
}
COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def line(finding: Finding) -> Text:
    """A finding as one line: verdict, what, found, and what to do."""
    text = Text.assemble((f"{finding.verdict:<5}", COLOURS[finding.verdict]), f"{finding.about:<16} {finding.found}")
    return text.append(f"\n      → {finding.remedy}") if finding.remedy else text


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.verdict is Verdict.FAIL for finding in findings)


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Every finding, as it is made."""
    yield python()
    yield from extras()
    yield from listening(settings)
    yield folder(settings.data_dir)
    yield disk(settings.data_dir)
    yield lake(settings)
    yield exposure(settings)
    yield trading(settings)
    if settings.market is Market.LIVE:
        yield from venues(settings, clock)


def trading(settings: Settings) -> Finding:
    try:
        live.check(settings)
    except SettingsError as error:
        told, _, remedy = str(error).rpartition("; ")
        return Finding("trading", Verdict.FAIL, told or str(error), remedy if told else "")
    if settings.trade.mode == "paper":
        return Finding("trading", Verdict.OK, "on paper")
    cap = f"{settings.trade.live.max_order_notional:f} an order, {settings.trade.live.max_daily_notional:f} a day"
    return Finding("trading", Verdict.WARN, f"LIVE at {', '.join(settings.trade.credentials)}, at most {cap}")


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info < (3, 13):
        return Finding("python", Verdict.OK, found)
    return Finding("python", Verdict.FAIL, found, "install Python 3.11 or 3.12")


def extras() -> Iterator[Finding]:
    for extra, (first, second, purpose) in EXTRAS.items():
        if parts.installed(first, second):
            yield Finding(f"extra {extra}", Verdict.OK, f"{first} {metadata.version(first)}")
        else:
            yield Finding(f"extra {extra}", Verdict.WARN, f"no {purpose}", f"pip install 'trifecta[{extra}]'")


def listening(settings: Settings) -> Iterator[Finding]:
    """Ports that `trifecta up` will want; those of a running system are its own."""
    ours = "supervisor" in processes.living(settings.run_dir)
    for setting, (host, port) in ports.wanted(settings, emulator=settings.market is not Market.LIVE).items():
        if ours:
            yield Finding(f"port {port}", Verdict.OK, "the system runs")
        elif ports.is_free(host, port):
            yield Finding(f"port {port}", Verdict.OK, "free")
        else:
            yield Finding(f"port {port}", Verdict.FAIL, "in use", f"end what uses it, or set {setting} to a free one")


def folder(path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Finding("data folder", Verdict.FAIL, str(error), "set TRIFECTA_DATA_DIR to a folder you may write to")
    return Finding("data folder", Verdict.OK, str(path.absolute()))


def disk(path: Path) -> Finding:
    existing = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    found = f"{free_gb:.1f} GB free"
    if free_gb < LEAST_FREE_GB:
        return Finding("disk", Verdict.FAIL, found, f"free {LEAST_FREE_GB:.0f} GB, or move TRIFECTA_DATA_DIR")
    if free_gb < ENOUGH_FREE_GB:
        return Finding("disk", Verdict.WARN, found, "enough to start; lower capture.journal_days to keep less")
    return Finding("disk", Verdict.OK, found)


def lake(settings: Settings) -> Finding:
    there = local_path(settings.lake)
    if there is not None and not there.exists():
        return Finding("lake", Verdict.WARN, "not made yet", "trifecta init, or trifecta up, makes it")
    try:
        opened = Lake(settings.lake)
        count = sum(len(opened.files(name)) for name in TABLES)
    except Exception as error:  # the edge of a process: whatever an object store says is shown
        return Finding("lake", Verdict.FAIL, str(error), "check TRIFECTA_LAKE_URI and its credentials")
    return Finding("lake", Verdict.OK, f"{count} files in {settings.lake}")


def exposure(settings: Settings) -> Finding:
    if is_loopback(settings.api_host):
        return Finding("api", Verdict.OK, "this machine only")
    if settings.api_tls_cert is None:
        return Finding("api", Verdict.WARN, f"{settings.api_host} without TLS", "set TRIFECTA_API_TLS_CERT and _KEY")
    return Finding("api", Verdict.OK, f"{settings.api_host} with token and TLS")
