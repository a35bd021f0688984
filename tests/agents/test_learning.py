"""Agents learn from booked outcomes, once each, and from nothing else."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event, func, select

from tests.agents.life import NO_MIDS, NOW, Life, binary, forex, opportunity
from trifecta.decide.agents import catch_up, learn
from trifecta.decide.agents.judges import draw
from trifecta.decide.agents.learning import REGIME
from trifecta.decide.judge import Context
from warehouse.ledger import Ledger, q_updates, q_values

GOOD, BAD = forex(80.0), forex(10.0)


def _table(ledger: Ledger, agent: str = "forex") -> dict[tuple[str, str], tuple[float, int]]:
    asked = select(q_values).where(q_values.c.engine == agent)
    with ledger.read() as connection:
        return {(row.state, row.action): (row.value, row.visits) for row in connection.execute(asked)}


def _live(life: Life, count: int, seed: int = 3) -> None:
    """Good proposals earn 20 on average and bad ones lose 20, with a deviation of 30."""
    dice = Random(seed)  # noqa: S311
    for number in range(count):
        plan, mean = (GOOD, 20.0) if dice.random() < 0.5 else (BAD, -20.0)
        life.trade(f"chance {number}", plan, dice.gauss(mean, 30))


def test_learns_which_proposals_lose_and_skips_them_once_history_shows_that_it_pays(ledger: Ledger) -> None:
    life = Life(ledger)
    _live(life, 200)
    values = _table(ledger)
    assert values["unknown/good", "execute"][0] > 5
    assert values["unknown/poor", "execute"][0] < -5
    with ledger.read() as connection:
        standing = life.engine._histories[opportunity("x").engine].read(connection)
    assert standing.acts, standing.why
    assert standing.value.low > standing.always.mean
    assert life.decide("a good one", GOOD)[1]
    said = life.decide("a bad one", BAD)[2]
    assert (said.passes, said.verdict, said.detail["acting"]) == (False, "skip", True)


def test_an_agent_that_skips_does_not_learn_from_what_it_skipped(ledger: Ledger) -> None:
    life = Life(ledger)
    _live(life, 200)
    before, executed = _table(ledger), 0
    for at in range(30):
        decision, goes_on, _ = life.decide(f"bad {at}", BAD)
        executed += goes_on
        with ledger.begin() as connection:
            assert learn(connection, decision, life.now_ns) == catch_up(connection, life.now_ns) == 0
    assert executed < 10
    assert _table(ledger) == before


def test_values_do_not_move_without_an_outcome(ledger: Ledger) -> None:
    life = Life(ledger)
    for number in range(50):
        decision, _, _ = life.decide(f"chance {number}", GOOD)
        with ledger.begin() as connection:
            assert learn(connection, decision, life.now_ns) == 0
            assert catch_up(connection, life.now_ns) == 0
    assert _table(ledger) == {}
    assert _table(ledger, REGIME) == {}


def test_learning_twice_changes_nothing(ledger: Ledger) -> None:
    life = Life(ledger)
    decision, _, _ = life.decide("chance", GOOD)
    life.close(decision, "forex", 40.0)
    once = _table(ledger), _table(ledger, REGIME)
    with ledger.begin() as connection:
        assert learn(connection, decision, NOW) == 0
        assert catch_up(connection, NOW) == 0
    assert (_table(ledger), _table(ledger, REGIME)) == once
    assert once[0] == {("unknown/good", "execute"): (4.0, 1)}


def test_an_outcome_that_nobody_was_told_of_is_learned_after_a_restart_as_it_would_have_been(tmp_path: Path) -> None:
    found = []
    for crashes in (False, True):
        with Ledger(f"sqlite:///{tmp_path / str(crashes)}.db") as ledger:
            ledger.migrate()
            life = Life(ledger)
            for number in range(12):
                decision, _, _ = life.decide(f"chance {number}", GOOD if number % 2 else BAD)
                life.close(decision, "forex", 10.0 * number - 50, learns=not crashes)
            with ledger.begin() as connection:
                assert catch_up(connection, life.now_ns) == (24 if crashes else 0)
            found.append((_table(ledger), _table(ledger, REGIME)))
    assert found[0][0] == found[1][0]
    assert found[0][1].keys() == found[1][1].keys()


def test_a_booking_that_rolls_back_takes_its_learning_along(ledger: Ledger) -> None:
    life = Life(ledger)
    decision, _, _ = life.decide("chance", GOOD)

    def fail() -> None:
        with ledger.begin() as connection:
            life.book(connection, decision, "forex", 40.0)
            assert learn(connection, decision, NOW) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _table(ledger) == {}


def test_a_process_killed_at_any_statement_of_a_booking_learns_all_of_it_or_nothing(ledger: Ledger) -> None:
    life = Life(ledger)
    for step in range(1, 40):
        decision, _, _ = life.decide(f"chance {step}", GOOD)
        left = [step]

        def die(*_: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        event.listen(ledger.engine, "before_cursor_execute", die)
        try:
            life.close(decision, "forex", 1.0)
        except KeyboardInterrupt:
            pass
        finally:
            event.remove(ledger.engine, "before_cursor_execute", die)
    with ledger.read() as connection:
        taught = connection.execute(select(func.count()).select_from(q_updates)).scalar_one()
    visits = _table(ledger)["unknown/good", "execute"][1]
    assert 0 < visits < 39
    assert taught == 2 * visits


def test_what_dice_taught_stays_with_the_portfolio_of_the_dice(ledger: Ledger) -> None:
    dice, paper = Life(ledger, portfolio="stochastic"), Life(ledger, portfolio="paper")
    dice.trade("chance", GOOD, 40.0)
    assert paper.decide("chance", GOOD)[2].detail["visits"] == 0
    assert dice.decide("another", GOOD)[2].detail["visits"] == 1


def test_the_regime_agent_values_an_engine_by_what_it_earned_and_by_what_comes_next(ledger: Ledger) -> None:
    life = Life(ledger)
    life.trade("first", forex(), 100.0)
    life.trade("second", binary(), -50.0)
    assert _table(ledger, REGIME) == {("unknown", "forex"): (10.0, 1), ("unknown", "binary"): (pytest.approx(-4.1), 1)}


def test_one_seed_draws_the_same_and_another_draws_otherwise(ledger: Ledger) -> None:
    drawn = [draw(7, "agent", f"decision {n}", "execute", 0.1) for n in range(2000)]
    assert drawn == [draw(7, "agent", f"decision {n}", "execute", 0.1) for n in range(2000)]
    assert drawn != [draw(8, "agent", f"decision {n}", "execute", 0.1) for n in range(2000)]
    assert 150 < sum(explored for _, explored in drawn) < 250
    assert 60 < sum(action == "skip" for action, _ in drawn) < 140


def test_an_agent_made_anew_from_the_ledger_says_what_the_old_one_says(ledger: Ledger) -> None:
    old = Life(ledger)
    _live(old, 150)
    new = Life(ledger)
    for number in range(40):
        one, context = opportunity(f"next {number}", GOOD if number % 2 else BAD), Context(NOW, NO_MIDS)
        assert old.engine.judge(one, context) == new.engine.judge(one, context)
        assert old.regime.judge(one, context) == new.regime.judge(one, context)
