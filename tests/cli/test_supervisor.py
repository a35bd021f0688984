"""What the supervisor does with children that die, and with a recorder inside a flow run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trifecta import supervisor
from trifecta.clock import ManualClock
from trifecta.errors import PermanentError, SettingsError
from trifecta.ops import parts, probe, processes
from trifecta.ops.child import FIRST_DELAY_S, STEADY_S, Child, State
from trifecta.ops.parts import Part
from trifecta.settings import Settings, load

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")
DYING = (sys.executable, "-c", "print('why it died'); raise SystemExit(3)")


class Scene:
    """A child, a clock that stands still, and what was said."""

    def __init__(self, run_dir: Path, command: tuple[str, ...], *, url: str = "") -> None:
        self.clock = ManualClock()
        self.said: list[str] = []
        self.answer: probe.Answer | None = None
        part = Part("part", command, dict(os.environ), probe=url)
        self.child = Child(part, run_dir, self.clock, ask=lambda url: self.answer, report=self.said.append)

    def die(self, *, killed: bool = False) -> None:
        process = self.child._process
        assert process is not None
        if killed:
            process.kill()
        process.wait()
        self.child.tend()


@pytest.fixture
def orphan(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(FOREVER) as process:
        yield process
        process.kill()


def test_what_died_is_started_again_later_each_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, DYING)
    for expected in (1, 2, 4):
        scene.child.tend()
        scene.die()
        assert scene.child.state is State.DEAD
        assert f"code 3; starts again in {expected} s" in "".join(scene.said)
        scene.child.tend()
        assert scene.child.process is None
        scene.clock.advance(expected)
    assert any("why it died" in line for line in scene.said)


def test_what_was_steady_is_started_again_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FOREVER)
    for _ in range(3):
        scene.child.tend()
        scene.clock.advance(STEADY_S)
        scene.die(killed=True)
        scene.clock.advance(FIRST_DELAY_S)
    assert scene.child.deaths == 1


@pytest.mark.parametrize("answer", [probe.Answer(200, b""), probe.Answer(503, b"")])
def test_a_part_is_ready_once_it_answers_even_if_it_has_nothing_to_give(tmp_path: Path, answer: probe.Answer) -> None:
    scene = Scene(tmp_path, FOREVER, url="http://there/health")
    scene.child.tend()
    scene.clock.advance(1)
    scene.child.tend()
    assert scene.child.state is State.STARTING
    scene.answer = answer
    scene.clock.advance(1)
    scene.child.tend()
    assert scene.child.state is State.READY
    scene.child.end(grace_s=5)
    assert scene.child.process is None


def test_what_an_earlier_run_left_behind_is_ended(settings: Settings, orphan: subprocess.Popen[bytes]) -> None:
    processes.remember(settings.run_dir, parts.SIDECAR, orphan.pid)
    assert supervisor.prepare(settings, parts.Wish()) == [parts.SIDECAR]
    assert orphan.poll() is not None


def test_a_symbol_without_a_simulated_market_is_refused_before_anything_starts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIFECTA_VENUES__KRAKEN__SYMBOLS", '["BTC/USDT", "XMR/USDT"]')
    with pytest.raises(SettingsError, match=r"venues\.kraken\.symbols has 'XMR/USDT'.*BTCUSDT.*market"):
        supervisor.prepare(load(), parts.Wish())
    monkeypatch.setenv("TRIFECTA_MARKET", "live")
    parts.require_generated(load())


def test_prefects_own_commands_reach_the_server_of_this_system(settings: Settings) -> None:
    supervisor.prepare(settings, parts.Wish())
    profile = (settings.data_dir / "prefect" / "profiles.toml").read_text()
    assert f'PREFECT_API_URL = "http://127.0.0.1:{settings.prefect_port}/api"' in profile


def test_a_second_system_on_the_same_data_is_refused(settings: Settings, orphan: subprocess.Popen[bytes]) -> None:
    processes.remember(settings.run_dir, supervisor.NAME, orphan.pid)
    with pytest.raises(PermanentError, match=f"process {orphan.pid}.*trifecta down"):
        supervisor.prepare(settings, parts.Wish())
    assert orphan.poll() is None


def test_a_plain_recorder_steps_back_for_the_flow_and_returns_when_it_is_gone(
    settings: Settings, orphan: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    recorder = Part(parts.RECORDER, FOREVER, dict(os.environ))
    monkeypatch.setattr(parts, "of_system", lambda settings, wish: ([], []))
    monkeypatch.setattr(parts, "recorder", lambda settings: recorder)
    clock = ManualClock()
    system = supervisor.System(settings, parts.Wish(), clock, stop=threading.Event(), say=said.append)

    def recorders() -> list[str]:
        system.tend()
        return list(processes.living(settings.run_dir))

    assert recorders() == [parts.RECORDER]
    ingest = parts.ingest_name(orphan.pid)
    processes.remember(settings.run_dir, ingest, orphan.pid)
    clock.advance(supervisor.OVERLAP_S)
    assert sorted(recorders()) == sorted([ingest, parts.RECORDER])  # its sockets are not open yet
    _hears_everything(settings, orphan.pid)
    assert sorted(recorders()) == sorted([ingest, parts.RECORDER])
    clock.advance(supervisor.OVERLAP_S)
    assert recorders() == [ingest]
    assert "takes over" in said[-1]
    orphan.kill()
    orphan.wait()
    assert recorders() == []
    clock.advance(supervisor.INGEST_GRACE_S)
    assert recorders() == [parts.RECORDER]
    supervisor.end_all(settings)
    assert recorders() != [ingest]
    supervisor.end_all(settings)
    assert not psutil.Process().children()


def test_a_flow_hears_everything_once_it_says_so_of_every_venue_and_lives(
    settings: Settings, orphan: subprocess.Popen[bytes]
) -> None:
    _hears_everything(settings, orphan.pid)
    assert not parts.ingest_hears(settings)  # no flow of that number records here
    processes.remember(settings.run_dir, parts.ingest_name(orphan.pid), orphan.pid)
    assert parts.ingest_hears(settings)
    (settings.run_dir / "standby-sim_okx").write_text("1")
    assert not parts.ingest_hears(settings)


def test_a_venue_that_stays_away_does_not_keep_two_recorders_for_ever(
    settings: Settings, orphan: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Part(parts.RECORDER, FOREVER, dict(os.environ))
    monkeypatch.setattr(parts, "of_system", lambda settings, wish: ([], []))
    monkeypatch.setattr(parts, "recorder", lambda settings: recorder)
    clock = ManualClock()
    system = supervisor.System(settings, parts.Wish(), clock, stop=threading.Event(), say=lambda _: None)
    system.tend()
    ingest = parts.ingest_name(orphan.pid)
    processes.remember(settings.run_dir, ingest, orphan.pid)
    system.tend()
    clock.advance(supervisor.HEARING_BOUND_S - 1)
    system.tend()
    assert sorted(processes.living(settings.run_dir)) == sorted([ingest, parts.RECORDER])
    clock.advance(1)
    system.tend()
    assert list(processes.living(settings.run_dir)) == [ingest]
    supervisor.end_all(settings)


def _hears_everything(settings: Settings, pid: int) -> None:
    """What a recorder says that is ready to take over every venue."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    for name in settings.venues:
        (settings.run_dir / f"standby-{settings.source(name)}").write_text(str(pid))
