"""The search sees what comes before every test part, prunes what lags, goes on after a kill, and is taken up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.forecast.laws import driven, land
from trifecta.forecast import tuning
from trifecta.forecast.dataset import Dataset, Rows
from trifecta.forecast.folds import Fold, walk_forward
from trifecta.forecast.networks import Network
from trifecta.forecast.runs import Outputs
from trifecta.forecast.training import Job
from trifecta.forecast.tuning import STARTUP_TRIALS, best, search
from warehouse.lake import Lake

pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna warns of its own databases
JOB = Job("sim_law", "LAWUSDT", 300, "lstm", steps=20)
EPOCHS = 3
OnEpoch = Callable[[int, Mapping[str, float]], None]


class Seen:
    """A training that takes no time: its losses say which steps are good, and it notes the rows it was shown."""

    def __init__(self) -> None:
        self.folds: list[tuple[Dataset, Fold]] = []
        self.asked: list[tuple[Rows, Rows]] = []

    def fit(self, dataset: Dataset, fold: Fold, network: Network, *, on_epoch: OnEpoch, **_: Any) -> Seen:
        self.folds.append((dataset, fold))
        for epoch in range(1, EPOCHS + 1):
            on_epoch(epoch, {"val_loss": 1.0 / dataset.step_s + 1.0 / epoch})
        return self

    def outputs(self, dataset: Dataset, rows: Rows) -> Outputs:
        self.asked.append((rows, self.folds[-1][1].validation))
        noise = np.random.default_rng(1).normal(0, 1.0 / dataset.step_s, len(rows))
        log_range = np.log(dataset.outcomes.log_range[rows])
        spread = (log_range - log_range.mean()) / log_range.std()
        return Outputs(spread + noise, np.full((len(rows), 3), 1 / 3), noise)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    made = Seen()
    monkeypatch.setattr(tuning.fitting, "fit", made.fit)
    return made


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(str(tmp_path_factory.mktemp("law")))
    land(made, driven(700, 3, law=True), 0, 700)
    return made


def test_best_step_is_found_without_a_look_at_any_test_part(seen: Seen, lake: Lake, tmp_path: Path) -> None:
    told: list[tuple[int, float | None, Mapping[str, Any]]] = []
    found = search(JOB, lake, tmp_path, trials=8, networks=("lstm",), on_trial=lambda *trial: told.append(trial))
    assert found.step_s == max(tuning.STEPS_S)
    assert [number for number, _, _ in told] == list(range(8))
    assert any(loss is None for _, loss, _ in told[STARTUP_TRIALS:])  # pruned
    for dataset, fold in seen.folds:
        first_test = min(int(dataset.ends_s[one.test].min()) for one in walk_forward(dataset, JOB.folds))
        assert int(dataset.ends_s[fold.validation].max()) + JOB.horizon_s <= first_test
    assert seen.asked
    for rows, validation in seen.asked:
        np.testing.assert_array_equal(rows, validation)
    assert best(tmp_path, JOB).step_s == found.step_s
    assert best(tmp_path, replace(JOB, network="transformer")).step_s == JOB.step_s
    assert best(tmp_path, replace(JOB, horizon_s=900)).step_s == JOB.step_s


def test_search_that_was_killed_goes_on_with_what_it_found(seen: Seen, lake: Lake, tmp_path: Path) -> None:
    def killed(number: int, loss: float | None, chosen: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(JOB, lake, tmp_path, trials=3, networks=("lstm",), on_trial=killed)
    assert best(tmp_path, JOB) == JOB
    later: list[Any] = []
    found = search(JOB, lake, tmp_path, trials=2, networks=("lstm",), on_trial=lambda *trial: later.append(trial))
    assert [number for number, _, _ in later] == [1, 2]
    assert found.trials == 3
