"""Evaluation: one row a model and horizon, tables that replace the last ones, refusals that are told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.forecast.test_dataset import market as random_walk
from tests.forecast.test_dataset import part
from trifecta.errors import DataError
from trifecta.forecast import evaluation
from trifecta.forecast.direction import evaluation as directions
from trifecta.forecast.evaluation import Market, Row, evaluate
from trifecta.forecast.networks import ENSEMBLES, NETWORKS
from trifecta.forecast.scores import RIVALS
from trifecta.ops.judging import BEGIN, END, markdown, write

PAGE = Path(__file__).parents[2] / "docs" / "forecasting.md"


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rivals alone, which need no TensorFlow."""
    monkeypatch.setattr(evaluation, "NETWORKS", {})
    monkeypatch.setattr(evaluation, "ENSEMBLES", {})


@pytest.mark.usefixtures("untrained")
def test_each_model_and_horizon_has_one_row_with_its_losses() -> None:
    rows = list(evaluate(Market("walk", (300, 900), (random_walk(2000),))))
    assert [(row.horizon_s, row.model) for row in rows] == [(h, name) for h in (300, 900) for name in RIVALS]
    for row in rows:
        assert row.loss is not None
        assert row.loss > 0
        assert row.coverage is not None
        assert set(row.p) == set(RIVALS) - {row.model}
        assert all(0 <= p <= 1 for p in row.p.values())
    told = msgspec.json.decode(msgspec.json.encode(rows[0]))
    assert {"data", "horizon_s", "model", "loss", "mae", "p", "coverage"} <= set(told)


def test_data_that_are_too_little_make_rows_that_say_what_is_missing() -> None:
    rows = list(evaluate(Market("short", (3600,), (part(random_walk(), 0, 400),))))
    assert [row.model for row in rows] == [*RIVALS, *NETWORKS, *ENSEMBLES]
    assert all(row.loss is None and "more are missing" in row.note for row in rows)


def some_rows(loss: float = 0.25, data: str = "m15") -> list[Row]:
    good = Row(data, 900, "lstm", loss, 4.2e-4, {"har": 0.04}, 0.9, 1.5, 0.5, 0.6, 1.0, 1000, 50.0, False, "NOT MET: x")
    return [good, Row(data, 900, "transformer", note="the source gives none")]


def test_tables_replace_those_of_before_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, some_rows(0.5))
    write(page, some_rows(0.25))
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "0.5000" not in text
    assert text.count("| lstm | 0.2500 | 4.20 |") == 1


def test_tables_of_other_data_sets_and_targets_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    direction = directions.Row("m15", 3600, "trees", 1.01, 0.61, {"majority": 0.001}, 0.52, 0.01, 1.0, 100, 20.0)
    write(page, [*some_rows(0.5), *some_rows(0.5, "xrpeth"), direction])
    write(page, some_rows(0.25))
    text = page.read_text()
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### m15, 15 min",
        "### xrpeth, 15 min",
        "### m15, direction over 60 min",
    ]
    assert text.count("| lstm | 0.2500 |") == text.count("| lstm | 0.5000 |") == 1
    assert "| trees | 1.0100 | 0.6100 | 0.001 |" in text
    again = text
    write(page, [*some_rows(0.25), direction])
    assert page.read_text() == again


def test_refused_models_are_in_the_table_with_their_reason() -> None:
    shown = markdown(some_rows())
    assert "| transformer | refused |" in shown
    assert "Refused: the source gives none." in shown
    columns = {line.count("|") for line in shown.splitlines() if line.startswith("|")}
    assert len(columns) == 1


def test_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(DataError, match="must hold a line"):
        write(page, some_rows())


def test_page_has_its_marks_and_names_every_network() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)
    for name in (*NETWORKS, *ENSEMBLES):
        assert f"`{name}`" in text
