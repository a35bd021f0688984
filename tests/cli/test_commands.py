"""What the commands print, and with which code they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from trifecta.capture.journal import JournalWriter
from trifecta.cli import app
from trifecta.ops import processes, warm
from trifecta.settings import Settings, load

Run = Callable[..., Result]
COMMANDS = sorted(str(command.name or command.callback.__name__) for command in app.registered_commands)  # type: ignore[union-attr]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "frames.log"
    path.write_text(warm.lines())
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Example: " in result.output


def test_there_is_a_command_for_every_job() -> None:
    assert set(COMMANDS) >= {
        *("init", "doctor", "up", "down", "status", "record", "serve", "replay", "import", "backfill", "compact", "sql")
    }


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = "{'duckdb', 'deltalake', 'numba', 'prefect', 'pyarrow', 'binance', 'streamlit'}"
    code = f"import sys, trifecta.cli; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wrong_setting_ends_with_2_and_names_key_value_and_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_API_PORT", "99999")
    result = run("status")
    assert result.exit_code == 2
    for part in ("api_port", "99999", "less than or equal to 65535", "TRIFECTA_API_PORT"):
        assert part in result.output
    assert "Traceback" not in result.output


def test_debug_shows_where_an_error_came_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_API_PORT", "99999")
    assert "api_port" in str(run("--debug", "status").exception)


def test_up_names_the_setting_of_a_port_in_use(run: Run, monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("TRIFECTA_API_PORT", str(taken_port))
    result = run("up", "--for", "1s")
    assert result.exit_code == 2
    assert str(taken_port) in result.output
    assert "TRIFECTA_API_PORT" in result.output


def test_up_needs_files_for_a_recorded_market_and_only_for_that(run: Run, recording: Path) -> None:
    assert run("up", "--market", "recorded").exit_code == 2
    assert run("up", recording).exit_code == 2


def test_up_refuses_a_span_of_time_that_is_none(run: Run) -> None:
    result = run("up", "--for", "soon")
    assert result.exit_code == 2
    assert "'soon'" in result.output


def test_commands_mean_the_market_that_runs(run: Run, settings: Settings) -> None:
    with processes.recorded(settings.run_dir, processes.SUPERVISOR, os.getpid()):
        with processes.of_market(settings.run_dir, "live"):
            told = run("status", "--json")
        assert json.loads(told.stdout)["market"] == "live"
        assert "market is live, as the running system has it" in told.stderr
        assert json.loads(run("status", "--json").stdout)["market"] == "simulated"
    (settings.run_dir / "supervisor.market").write_text("live")  # of one that was killed
    assert json.loads(run("status", "--json").stdout)["market"] == "simulated"


def test_down_without_a_system_says_so(run: Run) -> None:
    result = run("down")
    assert (result.exit_code, result.output) == (0, "nothing was running\n")


def test_doctor_finds_a_port_in_use_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("TRIFECTA_API_PORT", str(taken_port))
    result = run("doctor", "--json")
    found = {finding["about"]: finding for finding in json.loads(result.output)}
    assert result.exit_code == 1
    assert found[f"port {taken_port}"]["verdict"] == "fail"
    assert "TRIFECTA_API_PORT" in found[f"port {taken_port}"]["remedy"]
    assert found["python"]["verdict"] == "ok"


def test_live_trading_with_a_condition_missing_starts_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_TRADE__MODE", "live")
    monkeypatch.setenv("TRIFECTA_TRADE__CREDENTIALS__KRAKEN__API_KEY", "key")
    told = "kraken is refused: trade.live.max_order_notional = 0"
    up, doctor = run("up", "--for", "5s"), run("doctor", "--json")
    assert (up.exit_code, told in " ".join(up.output.split())) == (2, True), up.output
    found = {finding["about"]: finding for finding in json.loads(doctor.output)}["trading"]
    assert (found["verdict"], told in found["found"]) == ("fail", True)


def test_doctor_is_content_with_a_healthy_machine(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "free" in result.output


def test_status_of_nothing_is_one_json_object_and_1(run: Run) -> None:
    result = run("status", "--json")
    found = json.loads(result.output)
    assert result.exit_code == 1
    assert found["running"] is False
    assert found["simulated"] is True
    assert found["health"]["status"] == "no answer"


def test_init_writes_settings_that_are_the_defaults(run: Run, tmp_path: Path, settings: Settings) -> None:
    assert run("init").exit_code == 0
    commented = (tmp_path / "trifecta.toml").read_text().splitlines()
    active = [line.removeprefix("#") for line in commented if not line.startswith("# ")]
    written = tomllib.loads("\n".join(active))
    defaults = Settings.model_construct().model_dump(mode="json")
    for venue in defaults["venues"].values():
        del venue["api_key"]  # a secret, which belongs into .env
    for name, value in written.items():
        if isinstance(value, dict):
            assert {key: defaults[name][key] for key in value} == value
        else:
            assert defaults[name] == value
    assert (settings.data_dir / "lake" / "trades").is_dir()
    assert "http" in (settings.data_dir / "prefect" / "profiles.toml").read_text()


def test_init_keeps_what_a_person_wrote(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trifecta.toml").write_text("emulator_seed = 3\n")
    assert run("init").exit_code == 0
    assert load().emulator_seed == 3


def test_replay_prints_one_object_and_writes_nothing_twice(run: Run, recording: Path) -> None:
    first, second = (json.loads(run("replay", recording, "--json").output) for _ in range(2))
    wanted = "frames trades quotes book_updates book_checks book_mismatches gaps quarantined rows_written seconds"
    assert set(wanted.split()) <= set(first)
    assert (first["frames"], first["trades"], first["quotes"]) == (12, warm.SECONDS, warm.SECONDS)
    assert first["quarantined"] == 0
    assert first["rows_written"] > 0
    assert second["rows_written"] == 0


def test_a_journal_is_replayed_into_the_lake_it_made_as_a_whole_and_alone(run: Run, settings: Settings) -> None:
    folder = settings.journal_dir / "sim_binance"
    with JournalWriter.open(folder) as writer:
        frames = (line.partition(" ") for line in warm.lines().splitlines())
        writer.append([(int(stamp), payload.encode()) for stamp, _, payload in frames])
        held = run("replay", str(folder))
        assert held.exit_code == 2
        assert "is recorded now" in held.output
    (segment,) = folder.glob("*.log*")
    alone = run("replay", str(segment))
    assert alone.exit_code == 2
    assert "name the folder, or set TRIFECTA_DATA_DIR" in " ".join(alone.output.split())
    first, second = (json.loads(run("replay", str(folder), "--json").stdout) for _ in range(2))
    assert (first["rows_written"] > 0, second["rows_written"]) == (True, 0)


def test_replay_of_a_file_that_is_no_recording_says_which(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("dear reader\n")
    result = run("replay", other)
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_import_of_an_unknown_format_says_which_file(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "letter.csv"
    other.write_text("dear,reader\n1,2\n")
    result = run("import", other)
    assert result.exit_code == 1
    assert "letter.csv" in result.output


def test_sql_answers_as_table_json_and_csv(run: Run, recording: Path) -> None:
    run("replay", recording)
    question = "select symbol, count(*) as n from trades group by all"
    assert "BTCUSDT" in run("sql", "-c", question).output
    assert json.loads(run("sql", "-c", question, "--json").output) == [{"symbol": "BTCUSDT", "n": warm.SECONDS}]
    assert run("sql", "-c", question, "--csv").output == f"symbol,n\nBTCUSDT,{warm.SECONDS}\n"


@pytest.mark.parametrize("statement", ["drop view trades", "select nothing from nowhere"])
def test_sql_that_is_refused_or_wrong_ends_with_1(run: Run, statement: str) -> None:
    result = run("sql", "-c", statement)
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_sql_refuses_two_forms_at_once(run: Run) -> None:
    assert run("sql", "-c", "select 1", "--json", "--csv").exit_code == 2


def test_compact_says_what_it_did(run: Run, recording: Path) -> None:
    run("replay", recording)
    done = json.loads(run("compact", "--json").output)
    assert done["tables"] >= 9
