"""Any question to the warehouse, in SQL that can only read."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import duckdb
import pyarrow as pa
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

import warehouse
from streamlit_app import frame, queries
from streamlit_app.accounts import ledger
from streamlit_app.queries import Saved
from streamlit_app.reading import settings
from warehouse.errors import WarehouseError
from warehouse.ledger.mirror import mirror

ROWS = (1_000, 10_000, 100_000)
SECONDS = (5, 30, 120)

_SCHEMA = """
    select view_name as relation, comment as grain,
        (select string_agg(column_name, ', ' order by column_index) from duckdb_columns() as columns
            where columns.table_name = view_name and columns.schema_name = 'main') as columns
    from duckdb_views() where schema_name = 'main' and not internal order by 1
"""


class Answer(NamedTuple):
    """What a question found."""

    sql: str
    rows: pa.Table
    took_s: float

    @property
    def truncated(self) -> bool:
        return bool(self.rows.schema.metadata[b"truncated"] == b"true")


@st.cache_resource(show_spinner="Opening the warehouse …")
def _sandbox() -> tuple[duckdb.DuckDBPyConnection, warehouse.Lake]:
    lake = warehouse.Lake(settings().lake)
    connection = warehouse.session(lake, sandbox=True)
    mirror(connection, ledger(), asked="select 1")  # the tables are there to be listed, empty until one is asked for
    return connection, lake


def main() -> None:
    frame.heading(
        "SQL",
        "DuckDB over the lake, the marts and the ledger. It reads; nothing here can change or leave the warehouse.",
    )
    folder = settings().data_dir / "queries"
    saved = {one.name: one for one in (*queries.EXAMPLES, *queries.read(folder))}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Saved queries", list(saved), key="saved", width="stretch")
        most = st.selectbox("Rows at most", ROWS, index=1, format_func=lambda count: f"{count:,}", width=140)
        bound_s = st.selectbox("Seconds at most", SECONDS, index=1, width=140)
    chosen = saved[name or queries.EXAMPLES[0].name]
    sql = st.text_area("SQL", chosen.sql, height=220, key=f"sql-{chosen.name}", label_visibility="collapsed")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run", type="primary", icon=":material/play_arrow:", shortcut="Ctrl+Enter"):
            _ask(sql, most, bound_s)
        with st.popover("Save", icon=":material/bookmark_add:"):
            _save(sql, chosen, folder)
        with st.popover("Tables", icon=":material/schema:", width="content"):
            _relations()
    _show()


def _ask(sql: str, most: int, bound_s: float) -> None:
    connection, lake = _sandbox()
    st.session_state.pop("answer", None)
    try:
        with st.spinner("Asking …"):
            began_s = perf_counter()
            with queries.ONE_AT_A_TIME:
                warehouse.refresh(connection, lake)
                mirror(connection, ledger(), asked=sql)
            rows = warehouse.query(connection, sql, max_rows=most, timeout_s=bound_s)
        st.session_state["answer"] = Answer(sql, rows, perf_counter() - began_s)
    except (WarehouseError, SQLAlchemyError, duckdb.Error) as error:
        st.error(str(error), icon=":material/block:")


def _show() -> None:
    answer: Answer | None = st.session_state.get("answer")
    if answer is None:
        return
    more = f" The first {answer.rows.num_rows:,}; there are more." if answer.truncated else ""
    st.caption(f"{answer.rows.num_rows:,} rows in {answer.took_s:.2f} s.{more}")
    if not answer.rows.num_columns:
        return
    st.dataframe(answer.rows, hide_index=True, width="stretch", height=460)
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: queries.as_csv(answer.rows),
            "answer.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Parquet",
            lambda: queries.as_parquet(answer.rows),
            "answer.parquet",
            "application/vnd.apache.parquet",
            icon=":material/download:",
            on_click="ignore",
        )


def _save(sql: str, chosen: Saved, folder: Path) -> None:
    name = st.text_input("Name", "" if chosen in queries.EXAMPLES else chosen.name, max_chars=60)
    if st.button("Save it", icon=":material/check:"):
        try:
            queries.write(folder, Saved(name, sql))
        except ValueError as error:
            st.error(str(error))
        else:
            st.toast(f"Saved “{name}”")
            st.rerun()
    if chosen not in queries.EXAMPLES and st.button(f"Delete “{chosen.name}”", icon=":material/delete:"):
        queries.remove(folder, chosen.name)
        st.rerun()


def _relations() -> None:
    connection, _ = _sandbox()
    for relation, grain, columns in connection.cursor().execute(_SCHEMA).fetchall():
        st.markdown(f"**{relation}**: {grain}")
        st.caption(columns)


main()
