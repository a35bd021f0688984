"""Processes of the running system: started in groups of their own, known by identity, ended with all they started.

A process id alone says little: ids are used again. `<data>/run/<name>.pid` therefore also holds when the process was
created, and only a process that matches both is ever ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

SUPERVISOR = "supervisor"
MAX_LOG_BYTES = 10 * 1024 * 1024
KEPT_LOGS = 3
CREATED_TOLERANCE_S = 0.05  # psutil derives it from clock ticks


class Identity(msgspec.Struct, frozen=True):
    """What `<name>.pid` holds."""

    pid: int
    created: float  # seconds since 1970


def start(command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Runs `command` in a session of its own, so that a Ctrl-C in the terminal reaches the parent alone."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log)
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            start_new_session=True,
            creationflags=flags,
        )


def turn_over(log: Path) -> None:
    """Sets aside what a process has written that goes on writing; a line of this very moment may be lost."""
    if _is_full(log):
        shutil.copyfile(log, _first_older(log))
        os.truncate(log, 0)  # whoever writes appends


def _rotate(log: Path) -> None:
    """Sets aside a log that nobody writes to."""
    if _is_full(log):
        log.replace(_first_older(log))


def _is_full(log: Path) -> bool:
    return log.exists() and log.stat().st_size >= MAX_LOG_BYTES


def _first_older(log: Path) -> Path:
    """Where the newest of the older logs goes; those that are there make room."""
    for number in range(KEPT_LOGS - 1, 0, -1):
        older = log.with_suffix(f".{number}.log")
        if older.exists():
            older.replace(log.with_suffix(f".{number + 1}.log"))
    return log.with_suffix(".1.log")


def last_lines(log: Path, count: int = 12) -> list[str]:
    """The end of a child's log; empty when there is none."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 16_384, 0))
        return file.read().decode(errors="replace").splitlines()[-count:]


@contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Sends this process's own output to `log`: a pipe to the parent breaks, and kills the writer, when it dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    try:
        with log.open("ab") as output:
            for number in (1, 2):
                os.dup2(output.fileno(), number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)


def remember(run_dir: Path, name: str, pid: int) -> None:
    """Writes `<name>.pid`, so that a later run can end this process if it outlives its parent."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with suppress(psutil.NoSuchProcess):
        identity = Identity(pid, psutil.Process(pid).create_time())
        aside = run_dir / f"{name}.pid.new"
        aside.write_bytes(msgspec.json.encode(identity))
        aside.replace(run_dir / f"{name}.pid")


@contextmanager
def of_market(run_dir: Path, market: str) -> Iterator[None]:
    """Tells others on this data folder which market runs, for as long as the block does."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / f"{SUPERVISOR}.market"
    path.write_text(market)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def market(run_dir: Path) -> str | None:
    """The market of the system that runs; None where none does."""
    try:
        told = (run_dir / f"{SUPERVISOR}.market").read_text()
    except OSError:
        return None
    return told if find(run_dir, SUPERVISOR) is not None else None


def forget(run_dir: Path, name: str) -> None:
    (run_dir / f"{name}.pid").unlink(missing_ok=True)


@contextmanager
def recorded(run_dir: Path, name: str, pid: int) -> Iterator[None]:
    """Holds `<name>.pid` while the block runs."""
    remember(run_dir, name, pid)
    try:
        yield
    finally:
        forget(run_dir, name)


def find(run_dir: Path, name: str) -> psutil.Process | None:
    """The living process that `<name>.pid` means; None if it ended, whoever bears its number now."""
    try:
        identity = msgspec.json.decode((run_dir / f"{name}.pid").read_bytes(), type=Identity)
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.created) <= CREATED_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, msgspec.DecodeError, psutil.NoSuchProcess):
        return None


def living(run_dir: Path) -> dict[str, psutil.Process]:
    """Every recorded process that still lives, by name; records of those that ended are removed."""
    found: dict[str, psutil.Process] = {}
    for path in sorted(run_dir.glob("*.pid")):
        process = find(run_dir, path.stem)
        if process is None:
            path.unlink(missing_ok=True)
        else:
            found[path.stem] = process
    return found


def ask_to_stop(process: psutil.Process) -> None:
    """Sends the signal that a program may answer by ending tidily."""
    with suppress(psutil.NoSuchProcess):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.terminate()


def end(processes: Sequence[psutil.Process], *, grace_s: float) -> int:
    """Asks, waits, then kills them and everything they started; returns how many had to be killed."""
    family = {member for process in processes for member in _family(process)}
    for process in processes:
        ask_to_stop(process)
    psutil.wait_procs(processes, timeout=grace_s)
    family |= {member for process in processes for member in _family(process)}
    survivors = [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    for member in survivors:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(survivors, timeout=grace_s)
    return len(survivors)


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
