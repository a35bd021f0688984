"""Whether the range may be trusted, from what is seen and not from the process being alive."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.serve.replies import Collection, Feed, Health
from trifecta.serve.service import Key, Service

HEARTBEAT_MAX_AGE_S = 10.0
STARTED, STOPPED = "started", "stopped"


class Heartbeat(msgspec.Struct, frozen=True):
    """What matters here of a recorder's heartbeat file."""

    ts_ns: int
    connected: bool


def health(service: Service) -> Health:
    """The state of every feed. Unhealthy: the default symbol's range cannot be served, its recorder does not report,
    or the lake cannot be read. Degraded: another symbol or recorder is in that state,
    or a champion cannot be loaded."""
    settings = service.settings
    main = service.find(settings.forecast.default_symbol, None)
    feeds = [_feed(service, key) for key in service.predictors]
    collection = collection_state(settings.run_dir)
    serious: list[str] = []
    slight: list[str] = list(service.model_problems)
    if collection == STOPPED:
        serious.append("collection is stopped: POST /data/collection/start")
    if service.lake_problem is not None:
        serious.append(service.lake_problem)
    for feed in feeds:
        if not feed.fresh:
            age = "has sent nothing yet" if feed.age_ms is None else f"is {feed.age_ms / 1000:.1f} s old"
            ours = (feed.venue, feed.symbol) == main
            (serious if ours else slight).append(f"feed {feed.venue} {feed.symbol} {age}")
    for source in dict.fromkeys(source for source, _ in service.predictors):
        found = _heartbeat_problem(settings.run_dir, source, service.clock.now_ns())
        if found is not None:
            (serious if source == main[0] else slight).append(found)
    return Health(
        status="unhealthy" if serious else "degraded" if slight else "ok",
        reasons=serious + slight,
        simulated=any(source.startswith("sim_") for source, _ in service.predictors),
        collection=collection,
        default_symbol=settings.forecast.default_symbol,
        feeds=feeds,
        lake=service.lake_problem or "ok",
    )


def collection_state(run_dir: Path) -> str:
    """`started` or `stopped`; without a switch file, started."""
    try:
        return STOPPED if (run_dir / "collection").read_text().strip() == STOPPED else STARTED
    except FileNotFoundError:
        return STARTED


def switch_collection(run_dir: Path, state: str) -> Collection:
    """Sets the switch that recorders watch; a reader sees the old state or the new one, never half a file."""
    before = collection_state(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / f"collection.{os.getpid()}"
    aside.write_text(state)
    aside.replace(run_dir / "collection")
    return Collection(state=state, changed=state != before)


def _feed(service: Service, key: Key) -> Feed:
    latest, age_s = service.predictors[key].latest, service.age_s(key)
    return Feed(
        venue=key[0],
        symbol=key[1],
        age_ms=None if age_s is None else int(age_s * 1000),
        fresh=service.is_fresh(key),
        ready=latest is not None and latest.ready,
        book_valid=latest is not None and latest.book_valid,
    )


def _heartbeat_problem(run_dir: Path, source: str, now_ns: int) -> str | None:
    try:
        beat = msgspec.json.decode((run_dir / f"recorder-{source}.json").read_bytes(), type=Heartbeat)
    except FileNotFoundError:
        return f"recorder {source} has not reported: start it with `trifecta up` or `trifecta record`"
    except (OSError, msgspec.MsgspecError):
        return f"recorder {source}: its report cannot be read"
    age_s = (now_ns - beat.ts_ns) / NS_PER_S
    if age_s > HEARTBEAT_MAX_AGE_S:
        return f"recorder {source} last reported {age_s:.0f} s ago"
    return None if beat.connected else f"recorder {source} is not connected to its venue"
