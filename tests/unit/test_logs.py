"""What stands in a log line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from loguru import logger

from trifecta import logs
from trifecta.settings import LogSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logger.remove()
    logger.configure(extra={})


def test_a_json_line_says_when_where_what_and_about_whom(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(format="json"), run="r-1")
    with logger.contextualize(order="tf-7", opportunity="o-3"):
        logger.warning("outcome {} unknown", "{is}")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["message"]) == ("WARNING", "outcome {is} unknown")
    assert (line["run"], line["order"], line["opportunity"]) == ("r-1", "tf-7", "o-3")
    assert line["logger"].startswith(f"{__name__}:") or "test_logs" in line["logger"]


def test_a_line_for_people_ends_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings())
    with logger.contextualize(order="tf-7"):
        logger.info("filled {}", "{0}")
    assert re.search(r"\| INFO    \| .* \| filled \{0\} order=tf-7\n$", capsys.readouterr().err)


def test_a_traceback_shows_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings())
    secret = "hunter2-hunter2"
    try:
        _ = secret[99]
    except IndexError:
        logger.exception("failed")
    assert secret not in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_below_the_level_are_left_out(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings.model_validate({"format": form, "level": "WARNING"}))
    logger.info("nothing to see")
    assert capsys.readouterr().err == ""
