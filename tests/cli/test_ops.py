"""Processes, ports, durations, settings for children."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trifecta.clock import ManualClock
from trifecta.errors import DataError, SettingsError
from trifecta.ops import durations, parts, ports, probe, processes, reach, recorded, warm
from trifecta.settings import Settings, load

CAT = shutil.which("cat") or ""
STUBBORN_FAMILY = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


@given(st.floats(0.1, 1000).map(lambda value: round(value, 3)), st.sampled_from(["s", "m", "h", "d", ""]))
def test_a_written_span_is_its_number_times_its_unit(number: float, unit: str) -> None:
    assert durations.seconds(f"{number}{unit}") == number * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]


@pytest.mark.parametrize("text", ["", "soon", "-5s", "0s", "10 parsecs", "1e3s"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="span of time"):
        durations.seconds(text)


def test_a_child_sees_the_very_settings_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trifecta.toml").write_text(
        'api_token = "a-token-of-sixteen-or-more"\n[venues.binance]\nsymbols = ["SOLUSDT"]\napi_key = "secret"\n'
        '[capture]\nflush_s = 2.5\n[alerts]\nurls = ["json://127.0.0.1:1/x"]\n'
    )
    settings = load()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name, value in parts.settings_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load() == settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


def test_a_number_that_another_process_bears_now_is_not_found(tmp_path: Path) -> None:
    processes.remember(tmp_path, "other", psutil.Process().pid)
    assert processes.find(tmp_path, "other") is not None
    (tmp_path / "other.pid").write_text(f'{{"pid": {psutil.Process().pid}, "created": 1.0}}')
    assert processes.find(tmp_path, "other") is None
    assert processes.living(tmp_path) == {}
    assert not (tmp_path / "other.pid").exists()


def test_ending_a_process_ends_what_it_started(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STUBBORN_FAMILY], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert processes.end([psutil.Process(parent.pid)], grace_s=0.2) == 2
    parent.stdout.close()
    parent.wait()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(not CAT, reason="cat is not there")
def test_a_log_that_is_written_to_is_set_aside_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 4)
    log = tmp_path / "a.log"
    with log.open("ab") as output, subprocess.Popen([CAT], stdin=subprocess.PIPE, stdout=output) as writer:
        assert writer.stdin is not None
        for text in (b"first", b"second", b"end"):
            processes.turn_over(log)
            writer.stdin.write(text)
            writer.stdin.flush()
            while not log.read_bytes().endswith(text):
                pass
    assert [(tmp_path / name).read_bytes() for name in ("a.log", "a.1.log", "a.2.log")] == [b"end", b"second", b"first"]


def test_a_log_that_grew_too_large_is_kept_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 4)
    log = tmp_path / "part.log"
    for text in ("first", "second"):
        command = [sys.executable, "-c", f"print({text!r})"]
        assert processes.start(command, log=log, env={}).wait() == 0
    assert (tmp_path / "part.1.log").read_text().strip() == "first"
    assert processes.last_lines(log) == ["second"]


def test_output_of_this_process_goes_to_a_file_and_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with processes.output_to(tmp_path / "own.log"):
        subprocess.run([sys.executable, "-c", "print('inside')"], check=True)
    subprocess.run([sys.executable, "-c", "print('outside')"], check=True)
    assert (tmp_path / "own.log").read_text().strip() == "inside"
    assert capfd.readouterr().out.strip() == "outside"


def test_every_port_in_use_is_named_with_its_setting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    monkeypatch.setenv("TRIFECTA_PREFECT_PORT", str(taken_port))
    with pytest.raises(SettingsError, match=f"port {taken_port} .* TRIFECTA_PREFECT_PORT"):
        ports.require_free(ports.wanted(load()))
    ports.require_free(ports.wanted(settings))


def test_only_a_bus_on_this_machine_is_forwarded() -> None:
    assert ports.local_bus_port("tcp://127.0.0.1:5570") == 5570
    assert ports.local_bus_port("tcp://10.0.0.7:5570") is None


@pytest.mark.parametrize(
    ("answer", "verdict", "found"),
    [
        (None, reach.Verdict.FAIL, "no answer"),
        (probe.Answer(451, b""), reach.Verdict.FAIL, "HTTP 451"),
        (probe.Answer(200, b"<html>"), reach.Verdict.FAIL, "serverTime"),
        (probe.Answer(200, b'{"serverTime": 1700000000000}'), reach.Verdict.OK, "+0 ms"),
        (probe.Answer(200, b'{"serverTime": 1700000005000}'), reach.Verdict.WARN, "+5.00 s"),
    ],
)
def test_a_venue_is_reached_or_the_reason_is_told(
    answer: probe.Answer | None, verdict: reach.Verdict, found: str
) -> None:
    clock = ManualClock(1_700_000_000 * 10**9)
    finding = reach.reachable("binance", "https://venue/time", clock, lambda url, timeout_s: answer)
    assert finding.verdict is verdict
    assert found in finding.found
    assert finding.remedy or verdict is reach.Verdict.OK


def test_a_played_recording_is_recorded_and_asked_for_by_its_own_symbols(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "frames.log").write_text(warm.lines())
    found = recorded.narrowed(settings, [tmp_path / "frames.log"])
    assert {name: venue.symbols for name, venue in found.venues.items()} == {"binance": [warm.SYMBOL]}
    assert found.forecast.default_symbol == warm.SYMBOL


def test_a_file_that_cannot_be_played_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear reader\n")
    with pytest.raises(DataError, match=r"letter\.txt"):
        recorded.narrowed(settings, [tmp_path / "letter.txt"])
