"""`trifecta up` as a person runs it: real processes on free ports, a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from tests.running import GUARDED, LIGHT, ports
from trifecta import supervisor
from trifecta.ops import parts, processes

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

T = TypeVar("T")

RANGE_BOUND_S = 300.0
RESTART_BOUND_S = 300.0
ASKED_AGAIN = 60
SHORT = ("compact", "publish", "quality", "backfill", "retention", "performance")


class Running:
    """A started `trifecta up` and the ways to look at it."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        own = {"TRIFECTA_DATA_DIR": str(folder / "data"), **ports(), **settings}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIFECTA_", "PREFECT_"))}
        self.environment = (
            kept | own | {"PYTHONPATH": os.pathsep.join([str(parts.ROOT), os.environ.get("PYTHONPATH", "")])}
        )
        self.folder = folder
        self.run_dir = folder / "data" / "run"
        self.api, self.prefect = (f"http://127.0.0.1:{own[f'TRIFECTA_{name}_PORT']}" for name in ("API", "PREFECT"))
        command = [*GUARDED, sys.executable, "-m", "trifecta", "up", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "trifecta", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def find(self, name: str, *, other_than: psutil.Process | None = None) -> psutil.Process | None:
        """The living process recorded under a name that begins so."""
        living = processes.living(self.run_dir)
        found = (process for known, process in living.items() if known.startswith(name))
        return next((process for process in found if process != other_than), None)

    def simple_range(self) -> dict[str, Any] | None:
        answer = self._get(f"{self.api}/market-range/simple")
        return dict(answer.json()) if answer is not None and answer.status_code == 200 else None

    def run_deployment(self, name: str) -> Callable[[], str | None]:
        """Starts a run; returns what tells how it ended, None while it has not."""
        deployment = httpx.get(f"{self.prefect}/api/deployments/name/{name}/{name}").raise_for_status().json()["id"]
        # Once by its key however often it is asked: a server whose database is busy answers 503, try again.
        once = {"idempotency_key": f"{name}-{time.monotonic_ns()}"}
        for _ in range(ASKED_AGAIN):
            started = httpx.post(f"{self.prefect}/api/deployments/{deployment}/create_flow_run", json=once, timeout=30)
            if started.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        run = started.raise_for_status().json()["id"]

        def ended() -> str | None:
            answer = self._get(f"{self.prefect}/api/flow_runs/{run}")
            kind = answer.json()["state_type"] if answer is not None else ""
            return kind if kind in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return ended

    def artifacts(self) -> dict[str, str]:
        """What the newest artifact of each key says it shows."""
        found = httpx.post(f"{self.prefect}/api/artifacts/latest/filter", json={}, timeout=30).raise_for_status().json()
        return {artifact["key"]: artifact["description"] for artifact in found}

    def _get(self, url: str) -> httpx.Response | None:
        try:
            return httpx.get(url, timeout=5)
        except httpx.TransportError:
            return None

    def logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(processes.last_lines(log, 25)) for log in self.run_dir.glob("logs/*.log")
        )


def wait_for(found: Callable[[], T | None], bound_s: float, what: str, running: Running) -> T:
    """What `found` returns once it is something."""
    end = time.monotonic() + bound_s
    while time.monotonic() < end:
        result = found()
        if result is not None:
            return result
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {bound_s:.0f} s\n{running.logs()}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a system, and leaves nothing of it behind."""
    started: list[Running] = []

    def begin(*options: str, **settings: str) -> Running:
        started.append(Running(tmp_path, *options, **settings))
        return started[-1]

    yield begin
    for running in started:
        assert running.command("down").returncode == 0
        running.process.communicate(timeout=60)


def test_serves_a_range_and_ends_by_itself(start: Callable[..., Running]) -> None:
    running = start("--for", "60s", "--no-dashboard", "--no-prefect")
    served = wait_for(running.simple_range, RANGE_BOUND_S, "a range", running)
    assert served["market_range"] > 0
    assert served["simulated"] is True
    status = json.loads(running.command("status", "--json").stdout)
    assert status["running"] is True
    recorded = {feed["source"] for feed in status["feeds"]}
    assert recorded >= {"sim_binance", "sim_binance_usdm", "sim_kraken", "sim_coinbase", "sim_okx"}
    assert running.process.stdout is not None
    print(running.process.stdout.read().decode())  # noqa: T201 - the stages with their seconds
    assert running.process.wait(60) == 0
    assert processes.living(running.run_dir) == {}


def test_whatever_is_killed_comes_back_and_the_flows_do_their_work(start: Callable[..., Running]) -> None:
    running = start("--no-dashboard", **LIGHT)
    first = wait_for(lambda: running.find(parts.INGEST), RANGE_BOUND_S, "the ingest flow", running)
    wait_for(lambda: running.find(parts.RECORDER) is None or None, 60, "the plain recorder to step back", running)

    first.kill()  # its worker sees that, Prefect's automation runs it again
    again = "the ingest flow again"
    second = wait_for(lambda: running.find(parts.INGEST, other_than=first), RESTART_BOUND_S, again, running)

    worker = running.find(parts.WORKER)
    assert worker is not None
    worker.kill()  # the run lives on, and the next worker starts no second one
    wait_for(lambda: running.find(parts.WORKER, other_than=worker), 60, "the worker again", running)
    runs = {name: running.run_deployment(name) for name in SHORT}
    ended = {name: wait_for(run, RESTART_BOUND_S, f"the run of {name}", running) for name, run in runs.items()}
    assert ended == dict.fromkeys(SHORT, "COMPLETED"), running.logs()
    alive = [name for name in processes.living(running.run_dir) if name.startswith(parts.INGEST)]
    assert alive == [parts.ingest_name(second.pid)]
    assert (running.folder / "data" / "warehouse.duckdb").exists()
    wait_for(lambda: "opportunities" in running.artifacts() or None, RANGE_BOUND_S, "what a scan found", running)
    assert json.loads((running.run_dir / "flow-scan.json").read_bytes())["runs"] == {}
    shown = running.artifacts()
    assert {"compaction", "published", "backfill", "checks", "performance"} <= shown.keys()
    assert [key for key, about in shown.items() if "SIMULATED" not in about] == []
    wait_for(running.simple_range, RANGE_BOUND_S, "a range", running)

    itself = running.find(supervisor.NAME)
    assert itself is not None
    itself.kill()  # `down` ends what it left
    assert running.command("down").stdout == "stopped\n"
    assert processes.living(running.run_dir) == {}
    assert supervisor.NAME not in processes.living(running.run_dir)
