"""What the dashboard reads of the warehouse."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from time import monotonic

import duckdb
import pandas as pd
import streamlit as st

import warehouse
from streamlit_app.sidecar import Sidecar
from trifecta import settings as trifecta_settings
from warehouse.relations import quoted

REFRESH_S = 1.0
SINCE_S = 5.0
THREADS = 2
MEMORY = "128MB"
PUBLISHED = "published"
NS_PER_S = 1_000_000_000
# Days are folders: naming them keeps the rest of the lake shut
_UNTIL = """
    select max(ts_event) as until_ns from raw.orderflow_1s
    where venue = $venue and symbol = $symbol
        and date >= (select max(date) - 1 from raw.orderflow_1s where venue = $venue and symbol = $symbol)
"""


@st.cache_resource
def settings() -> trifecta_settings.Settings:
    """The settings in force."""
    return trifecta_settings.load()


@st.cache_resource
def sidecar() -> Sidecar:
    """The sidecar of these settings."""
    return Sidecar(settings())


@st.cache_resource(show_spinner="Opening the warehouse …")
def reader() -> Reader:
    """One reader for everybody who looks."""
    return Reader(warehouse.Lake(settings().lake), settings().published)


class Reader:
    """Reads the lake as it is now, and closed periods from the published database, where they are counted already.

    Any number of threads may ask at once: each gets a cursor of its own, and only taking new file lists waits.
    """

    def __init__(self, lake: warehouse.Lake, published: Path) -> None:
        self._live = warehouse.LiveSession(lake, memory=MEMORY, threads=THREADS)
        self._connection = self._live.now()
        self._published, self._attached = published, 0
        self._lock = threading.Lock()
        self._refreshed_s = monotonic()

    def read(self, sql: str, **values: object) -> pd.DataFrame:
        """The rows of one SELECT; `{history}` in it stands for the schema that holds closed periods."""
        cursor, history = self._renew()
        try:
            return cursor.execute(sql.replace("{history}", history), values or None).df()
        finally:
            cursor.close()

    @property
    def history(self) -> str:
        """Schema of the marts: published ahead, or computed from the lake until the first publication."""
        return f"{PUBLISHED}.main" if self._attached else "memory.main"

    @property
    def published_at(self) -> pd.Timestamp | None:
        """When the closed periods were counted; None while they are computed as they are asked for."""
        return pd.Timestamp(self._attached, unit="ns", tz="UTC") if self._attached else None

    def _renew(self) -> tuple[duckdb.DuckDBPyConnection, str]:
        """A cursor on the lake as it is now, and the schema of closed periods there."""
        with self._lock:
            if monotonic() - self._refreshed_s >= REFRESH_S:
                self._follow()
            return self._connection.cursor(), self.history

    def _follow(self) -> None:
        newest = self._live.now()
        if newest is not self._connection:
            self._connection, self._attached = newest, 0
        self._attach()
        self._refreshed_s = monotonic()

    def _attach(self) -> None:
        """Follows the file that `publish` swaps in."""
        written = self._published.stat().st_mtime_ns if self._published.exists() else 0
        if written == self._attached:
            return
        if self._attached:
            self._connection.execute(f"detach {PUBLISHED}")
            self._attached = 0
        if written:
            # While somebody still reads the old file its name is taken: the next refresh tries again
            with contextlib.suppress(duckdb.Error):
                self._connection.execute(f"attach {quoted(str(self._published))} as {PUBLISHED} (read_only)")
                self._attached = written


@st.cache_data(ttl=SINCE_S, max_entries=200, show_spinner=False)
def since_ns(venue: str, symbol: str, minutes: int) -> int:
    """When the last so many minutes of an instrument began, ns: they end with its newest closed second.

    A few seconds old, by which what is shown is longer.
    """
    until_ns = reader().read(_UNTIL, venue=venue, symbol=symbol)["until_ns"].iloc[0]
    return 0 if pd.isna(until_ns) else int(until_ns) - minutes * 60 * NS_PER_S


@st.cache_data(ttl=30.0, max_entries=200, show_spinner=False)
def history(sql: str, **values: object) -> pd.DataFrame:
    """What `Reader.read` finds of closed periods, remembered for half a minute."""
    return reader().read(sql, **values)
