"""What an agent tells situations apart by: of the market, whatever its scale, and of the proposal."""

from __future__ import annotations

import numpy as np
import pytest

from tests.agents.life import binary, forex, opportunity
from trifecta.decide.agents.states import engine_state, measures, regime
from trifecta.scan.opportunity import Side

RANDOM = np.exp(np.random.default_rng(1).normal(0, 1e-5, 600).cumsum())


def test_scale_and_price_do_not_matter() -> None:
    small, large = measures(RANDOM), measures(4000 * RANDOM)
    assert small is not None
    assert large == pytest.approx(small)
    assert measures(RANDOM**50) == pytest.approx(small)


def test_a_trend_is_with_one_side_and_against_the_other() -> None:
    rising = RANDOM * np.exp(np.linspace(0, 1e-3, 600))
    assert "/with/" in engine_state(opportunity("a", forex(side=Side.BUY)), rising)
    assert "/against/" in engine_state(opportunity("a", forex(side=Side.SELL)), rising)
    assert "/trending/" in regime(rising)


def test_a_last_minute_that_moves_more_or_less_is_wild_or_calm() -> None:
    moves = np.random.default_rng(1).normal(0, 1e-5, 600)
    assert regime(np.exp((moves * np.r_[np.ones(540), np.full(60, 9)]).cumsum())).startswith("wild/")
    assert regime(np.exp((moves * np.r_[np.ones(540), np.full(60, 0.1)]).cumsum())).startswith("calm/")


def test_moves_that_are_taken_back_revert_and_moves_that_go_on_persist() -> None:
    noise = np.random.default_rng(1).normal(0, 1e-5, 600)
    assert regime(np.exp(noise)).endswith("/reverting")
    assert regime(np.exp(np.convolve(noise, np.ones(10), "same").cumsum())).endswith("/persistent")


def test_too_few_mids_and_mids_that_are_none_are_unknown_and_a_still_market_is_calm() -> None:
    assert engine_state(opportunity("a"), RANDOM[:100]) == "unknown/fair"
    assert regime(np.r_[RANDOM[:100], np.full(500, np.nan), 0.0, -1.0]) == "unknown"
    assert regime(np.full(600, 1.1)) == "calm/flat/random"


def test_the_proposals_own_quality_is_part_of_the_state() -> None:
    states = [engine_state(opportunity("a", forex(strength)), RANDOM[:0]) for strength in (10.0, 50.0, 90.0)]
    assert states == ["unknown/poor", "unknown/fair", "unknown/good"]
    assert engine_state(opportunity("a", binary(0.7)), RANDOM[:0]) == "unknown/good"
