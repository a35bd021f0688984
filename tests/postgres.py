"""A throwaway PostgreSQL server, from whatever PostgreSQL this machine has installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

_DEBIAN = Path("/usr/lib/postgresql")
_QUICK = "-c fsync=off -c full_page_writes=off -c max_connections=40 -c listen_addresses= -c shared_buffers=16MB"


class Server:
    """A running server that is reached through a socket in its folder."""

    def __init__(self, programs: Path, socket_dir: Path) -> None:
        self._programs, self._socket_dir = programs, socket_dir
        self.start()
        admin = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        self._admin = admin

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger_{uuid.uuid4().hex[:12]}"
        with self._admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        return self._url(name)

    def start(self) -> None:
        """Returns once it takes connections."""
        log, options = self._socket_dir / "log", f"{_QUICK} -k {self._socket_dir}"
        self._control("-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Ends every connection."""
        self._control("-m", "immediate", "stop")

    def close(self) -> None:
        self._admin.dispose()
        self.stop()

    def _control(self, *arguments: object) -> None:
        _run(self._programs / "pg_ctl", "-D", self._socket_dir / "data", *arguments)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._socket_dir}"


@contextmanager
def server_for_tests(factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server until the end of the block; without PostgreSQL the test is skipped, and fails in CI."""
    programs = _programs()
    if programs is None:
        reason = f"no PostgreSQL server under {_DEBIAN} or on PATH: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # A socket's path may not be longer than about 100 bytes: not under pytest's own folders
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        _run(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        server = Server(programs, folder)
        try:
            yield server
        finally:
            server.close()


def _programs() -> Path | None:
    found = sorted(_DEBIAN.glob("*/bin/initdb")) or [Path(path) for path in [shutil.which("initdb")] if path]
    return found[-1].parent if found else None


def _run(*command: object) -> None:
    # The server refuses to run as root, which is what CI containers are
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*user, *map(str, command)], capture_output=True, text=True, check=False, timeout=60, cwd="/")
    if done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
