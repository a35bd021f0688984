"""What must hold of Trifecta's speed and size, measured against peers and limits in the same run.

    python -m tests.bench [NAME ...] [--quick] [--seconds SECONDS] [--json]

Prints one table; ends with 1 where something misses its target or could not be measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from rich.table import Table

from tests.bench.measure import Verdict, run

BENCHES = (
    "decoding", "replaying", "books", "orderflow", "landing", "scanning", "finding", "watching", "trading",
    "backtesting", "sidecar_http", "serving", "swapping", "training", "system", "pages", "together",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data, shorter runs")
    parser.add_argument("--seconds", type=float, help="how long to look, of `together` alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(BENCHES)}")
    if asked.seconds is not None and asked.names != ["together"]:
        parser.error("--seconds is for `together` alone: python -m tests.bench together --seconds 120")
    more = {} if asked.seconds is None else {"seconds": asked.seconds}
    progress = Console(stderr=True)
    verdicts: list[Verdict] = []
    # Each in a process of its own: what one loads or how it pins itself must not weigh on the next.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in asked.names or BENCHES:
            progress.print(f"[dim]{name} ...")
            verdicts += pool.submit(run, name, quick=asked.quick, **more).result()
    if asked.json:
        print(
            json.dumps({"load": os.getloadavg()[0], "verdicts": [{**v._asdict(), "holds": v.holds} for v in verdicts]})
        )
    else:
        Console(width=None).print(_table(verdicts))
    return 0 if all(verdict.holds for verdict in verdicts) else 1


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(title=f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", title_justify="left")
    for column in ("measured", "value", "target", "", "note"):
        table.add_column(column, justify="right" if column in ("value", "target") else "left")
    for verdict in verdicts:
        value = "-" if verdict.value is None else f"{verdict.value:,.2f} {verdict.unit}"
        sign = ">=" if verdict.at_least else "<="
        result = "[green]ok" if verdict.holds else "[red]MISS" if verdict.value is not None else "[yellow]SKIPPED"
        table.add_row(verdict.name, value, f"{sign} {verdict.target:,.6g} {verdict.unit}", result, verdict.note)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
