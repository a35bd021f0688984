"""Questions to the warehouse from a terminal."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec
import pyarrow as pa
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from trifecta.settings import Settings
from warehouse import Lake, query, refresh, session
from warehouse.errors import WarehouseError
from warehouse.ledger import Ledger
from warehouse.queries import MAX_ROWS, TRUNCATED

try:
    import readline
except ImportError:  # Windows: its console keeps a history by itself
    readline = None  # type: ignore[assignment]

Form = Literal["table", "json", "csv"]
SHOWN_ROWS = 200
HISTORY = 1_000
UNBOUNDED = 100_000
WELCOME = "Tables: show tables. Columns: describe trades. End: Ctrl-D."


def run(settings: Settings, console: Console, *, command: str, form: Form) -> None:
    """Answers `command`, or each statement that is typed until Ctrl-D."""
    lake = Lake(settings.lake)
    with Ledger(settings.ledger) as ledger, session(lake, ledger=ledger) as connection:
        if command:
            show(ask(connection, command, form), console, form)
            return
        console.print(WELCOME, style="dim")
        with _history(settings.data_dir / "sql_history"):
            for statement in _typed(console):
                refresh(connection, lake, ledger)
                try:
                    show(ask(connection, statement, form), console, form)
                except (duckdb.Error, WarehouseError) as error:
                    console.print(str(error), style="bold red", markup=False, highlight=False)


def ask(connection: duckdb.DuckDBPyConnection, statement: str, form: Form) -> pa.Table:
    """The answer; of a table for people no more rows than a terminal shows."""
    return query(connection, statement, max_rows=SHOWN_ROWS if form == "table" else MAX_ROWS)


def show(answer: pa.Table, console: Console, form: Form) -> None:
    """Prints `answer`: as a table, one JSON list of objects, or CSV with a header."""
    rows = answer.to_pylist()
    if form == "json":
        sys.stdout.write(msgspec.json.encode(rows, enc_hook=str).decode() + "\n")
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.column_names)
        writer.writerows(row.values() for row in rows)
    else:
        table = Table(box=None, pad_edge=False)
        for column in answer.schema:
            table.add_column(column.name, justify="right" if _is_number(column.type) else "left")
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        if Measurement.get(console, console.options.update(width=UNBOUNDED), table).maximum > console.width:
            _show_records(rows, console)
        else:
            console.print(table)
    if (answer.schema.metadata or {}).get(TRUNCATED) == b"true":
        Console(stderr=True).print(f"only the first {len(rows):,} rows; narrow it, or use --csv", style="yellow")


def _show_records(rows: list[dict[str, Any]], console: Console) -> None:
    """One line a value: what is too wide for the terminal would be cut to nothing."""
    for number, row in enumerate(rows, 1):
        console.rule(f"row {number}", align="left", style="dim", characters="-")
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, value in row.items():
            table.add_row(name, "" if value is None else str(value))
        console.print(table)


def _typed(console: Console) -> Iterator[str]:
    """Statements, each ended by a semicolon or an empty line."""
    lines: list[str] = []
    while True:
        try:
            line = console.input("   ...> " if lines else "trifecta> ", markup=False)
        except KeyboardInterrupt:
            lines.clear()
            console.print()
            continue
        except EOFError:
            return
        lines.append(line)
        statement = "\n".join(lines).strip()
        if statement and (statement.endswith(";") or not line.strip()):
            yield statement
            lines.clear()
        elif not statement:
            lines.clear()


@contextmanager
def _history(path: Path) -> Iterator[None]:
    if readline is None:
        yield
        return
    if path.exists():
        readline.read_history_file(path)
    readline.set_history_length(HISTORY)
    try:
        yield
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(path)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
