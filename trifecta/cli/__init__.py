"""The `trifecta` command: each body is a call into the product.

What a command needs is imported inside it: DuckDB, Delta, numba and Prefect take seconds, `trifecta --help` must not.
A command stands in the module of its kind; importing the module adds it.
"""

from __future__ import annotations

# isort: off
from trifecta.cli import running, data, models, trading, alerts  # in the order in which --help shows them

# isort: on
from trifecta.cli.terminal import app, err, out

__all__ = ["alerts", "app", "data", "err", "main", "models", "out", "running", "trading"]


def main() -> None:
    """Runs the command line."""
    app()
