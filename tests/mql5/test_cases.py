"""Every case of the compiled programs, with sanitizers on, and the lines that they run."""

from __future__ import annotations

import pytest

from tests.mql5.coverage import Covered, include_files, measure
from tests.mql5.programs import PROGRAMS

LEAST = 0.95

pytestmark = pytest.mark.timeout(900)  # the first one waits for the compiler


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[Covered]]:
    """What every case of every program said, and the lines they ran."""
    return measure([program.built() for program in PROGRAMS.values()], tmp_path_factory.mktemp("coverage"))


NAMES = [name for program in PROGRAMS.values() for name in program.names()]


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, measured: tuple[dict[str, str], list[Covered]]) -> None:
    said = measured[0]
    assert said.get(name, f"did not run: {said.get('the program', 'no reason told')}") == ""


def test_names_of_cases_differ() -> None:
    assert len(set(NAMES)) == len(NAMES) > 100


def test_every_program_ends_well(measured: tuple[dict[str, str], list[Covered]]) -> None:
    assert "the program" not in measured[0], measured[0]["the program"]


def test_nineteen_of_twenty_lines_of_every_include_run(
    measured: tuple[dict[str, str], list[Covered]], capsys: pytest.CaptureFixture[str]
) -> None:
    covered = measured[1]
    with capsys.disabled():
        print("", *covered, sep="\n")  # noqa: T201  the report is what people look for
    told = {one.file for one in covered}
    # Panel and other includes of nothing but names have no lines of their own
    assert told == set(include_files())
    assert [str(one) for one in covered if one.share < LEAST] == []
