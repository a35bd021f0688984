"""Metrics of processes that the sidecar only reads of."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from flows import report
from trifecta.capture import heartbeat
from trifecta.capture.heartbeat import Heartbeat
from trifecta.clock import NS_PER_S
from trifecta.emulator.control import as_metrics
from trifecta.ops import processes
from trifecta.serve import reports
from trifecta.trade import report as trader
from trifecta.trade.report import Report

NOW = 1_700_000_000 * NS_PER_S


def text(run_dir: Path) -> str:
    class Of(Collector):
        def collect(self) -> list[Metric]:
            return list(reports.collect(run_dir, NOW))

    registry = CollectorRegistry()
    registry.register(Of())
    return generate_latest(registry).decode()


def test_nothing_runs_and_nothing_is_told(tmp_path: Path) -> None:
    assert "source=" not in text(tmp_path)


def test_a_recorder_is_told_by_its_last_report(tmp_path: Path) -> None:
    beat = Heartbeat(
        source="sim_binance", pid=1, ts_ns=NOW - 2 * NS_PER_S, connected=True, collecting=True, frames=7,
        frames_per_s=3.5, last_frame_ts_ns=NOW - 3 * NS_PER_S, last_commit_ts_ns=0, reconnects=1, gaps_open=2,
        quarantined=4, clock_offset_ns=None, book_valid={"BTCUSDT": False}, problem="",
    )  # fmt: skip
    heartbeat.write(tmp_path, beat)
    (tmp_path / "recorder-broken.json").write_text("{")
    lines = text(tmp_path).splitlines()
    for line in (
        'trifecta_recorder_connected{source="sim_binance"} 1.0',
        'trifecta_recorder_frames_total{source="sim_binance"} 7.0',
        'trifecta_recorder_gaps_open{source="sim_binance"} 2.0',
        'trifecta_recorder_report_age_seconds{source="sim_binance"} 2.0',
        'trifecta_recorder_frame_age_seconds{source="sim_binance"} 3.0',
        'trifecta_recorder_book_valid{source="sim_binance",symbol="BTCUSDT"} 0.0',
    ):
        assert line in lines
    assert not any(line.startswith("trifecta_recorder_commit_age_seconds{") for line in lines)


def test_a_process_is_up_while_it_lives(tmp_path: Path) -> None:
    processes.remember(tmp_path, "sidecar", os.getpid())
    (tmp_path / "dashboard.pid").write_bytes(msgspec.json.encode({"pid": os.getpid(), "created": 1.0}))
    found = text(tmp_path)
    assert 'trifecta_process_up{process="sidecar"} 1.0' in found
    assert 'trifecta_process_up{process="dashboard"} 0.0' in found
    own = next(line for line in found.splitlines() if line.startswith("trifecta_process_resident_bytes{"))
    assert 0.2 < float(own.split()[-1]) / psutil.Process().memory_info().rss < 5


def test_runs_of_a_flow_are_one_process_however_many_were_killed(tmp_path: Path) -> None:
    for pid, created in ((1_000_001, 1.0), (1_000_002, 2.0)):
        (tmp_path / f"scan-{pid}.pid").write_bytes(msgspec.json.encode({"pid": pid, "created": created}))
    processes.remember(tmp_path, f"scan-{os.getpid()}", os.getpid())
    told = [line for line in text(tmp_path).splitlines() if line.startswith("trifecta_process_up{")]
    assert told == ['trifecta_process_up{process="scan"} 1.0']


def test_flow_runs_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    for state in ("Completed", "Failed", "Completed"):
        report.add(tmp_path, "compact", state, 1.5, NOW - 60 * NS_PER_S)
    found = text(tmp_path)
    assert 'trifecta_flow_runs_total{flow="compact",state="Completed"} 2.0' in found
    assert 'trifecta_flow_runs_total{flow="compact",state="Failed"} 1.0' in found
    assert 'trifecta_flow_last_end_age_seconds{flow="compact"} 60.0' in found


def test_only_alerts_that_were_told_are_active(tmp_path: Path) -> None:
    one = {"rule": "feed_down", "subject": "sim_binance", "text": "", "since_ns": 0}
    (tmp_path / "alerts.json").write_bytes(
        msgspec.json.encode({"active": [{**one, "told": True}, {**one, "subject": "other", "told": False}]})
    )
    found = [line for line in text(tmp_path).splitlines() if line.startswith("trifecta_alert_active{")]
    assert found == ['trifecta_alert_active{rule="feed_down",subject="sim_binance"} 1.0']


def test_the_emulator_tells_its_own() -> None:
    state = {
        "markets": {"spot": {"connections": 2, "frames_published": 10, "frames_sent": 20}},
        "faults": {"injected": {"cut": 3}},
    }
    found = as_metrics(state)
    assert 'trifecta_emulator_frames_sent_total{market="spot"} 20\n' in found
    assert 'trifecta_emulator_faults_total{kind="cut"} 3\n' in found


def test_a_trader_is_told_by_its_last_report(tmp_path: Path) -> None:
    told = Report(
        portfolio="paper", mode="paper", fill_model="market", label="", currency="USD", auto=True, equity=100_012.5,
        pnl=12.5, open_trades=2, through=3, events=70, offers=9, verdicts={"approved": 5, "refused": 1}, decide_s=0.25,
        discrepancies=0, alarms=["one leg alone"],
    )  # fmt: skip
    trader.write(tmp_path, told, NOW - 2 * NS_PER_S)
    lines = text(tmp_path).splitlines()
    for line in (
        'trifecta_trader_decisions_total{portfolio="paper",verdict="approved"} 5.0',
        'trifecta_trader_equity{portfolio="paper"} 100012.5',
        'trifecta_trader_open_trades{portfolio="paper"} 2.0',
        'trifecta_trader_decide_s_total{portfolio="paper"} 0.25',
        'trifecta_trader_alarms{portfolio="paper"} 1.0',
        'trifecta_trader_report_age_seconds{portfolio="paper"} 2.0',
    ):
        assert line in lines
    assert trader.read(tmp_path, NOW) is not None
    assert trader.read(tmp_path, NOW + 10 * NS_PER_S) is None
