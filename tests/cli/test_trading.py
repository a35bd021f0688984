"""Halting, resuming and auditing from a terminal."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from typer.testing import Result

from trifecta.decide import halt
from trifecta.settings import Settings
from warehouse.ledger import Ledger

Run = Callable[..., Result]


def test_a_halt_holds_until_it_is_resumed(run: Run, settings: Settings) -> None:
    assert "halted by cli: looks wrong" in run("halt", "looks wrong").output
    with Ledger(settings.ledger) as ledger:
        assert halt.read(ledger).halted
        told = run("resume", "it was right", "--json")
        assert not msgspec.json.decode(told.stdout)["halted"]
        assert not halt.read(ledger).halted


def test_a_halt_says_why(run: Run) -> None:
    assert run("halt", "  ").exit_code == 1
    assert run("halt").exit_code == 2


def test_an_empty_ledger_adds_up(run: Run) -> None:
    found = run("audit")
    assert (found.exit_code, found.output.strip()) == (0, "the ledger adds up")
