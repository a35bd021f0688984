"""The rules of the subset: our sources keep to them, and every program that breaks one is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.mql5.build import EXPERT, HERE, INCLUDE, ROOT, complaints
from tests.mql5.lint import RULES, lint, main
from tests.mql5.tokens import read, tokenise

SOURCES = sorted([*(ROOT / "mql5").rglob("*.mq*"), *(ROOT / HERE / "programs").glob("*.mq5")])
REFUSED = sorted((ROOT / HERE / "refused").glob("*.mq5"))
PROGRAMS = [EXPERT, HERE / "programs" / "LegacyBox.mq5"]
COMPILER, FLOW = "compiler", "flow"  # errors of the compiler, and warnings that it has only where there is no error

pytestmark = pytest.mark.timeout(900)


def rule_of(path: Path) -> str:
    """The rule that a program breaks, as its first line says."""
    return path.read_bytes().split(b"\n")[0].decode().strip().removeprefix("// refused by: ")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_keeps_the_rules(path: Path) -> None:
    assert [str(finding) for finding in lint(read(path))] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_tokens_join_to_the_source(path: Path) -> None:
    text = path.read_text()
    assert "".join(token.text for token in tokenise(text)) == text


def broken(*rules: str) -> list[Path]:
    return [path for path in REFUSED if rule_of(path) in rules]


@pytest.fixture(scope="module")
def errors() -> str:
    return complaints(path.relative_to(ROOT) for path in broken(COMPILER))


@pytest.fixture(scope="module")
def warnings_of_flow() -> str:
    return complaints([*PROGRAMS, *(path.relative_to(ROOT) for path in broken(FLOW))])


def test_programs_compile_without_a_warning(warnings_of_flow: str) -> None:
    assert [line for line in warnings_of_flow.splitlines() if line.startswith(("mql5/", "tests/mql5/programs"))] == []
    assert "error:" not in warnings_of_flow


@pytest.mark.skipif(shutil.which("clang++") is None, reason="no clang++: a second compiler's opinion is not asked")
def test_second_compiler_accepts_the_programs() -> None:
    assert "error:" not in complaints(PROGRAMS, "clang++")


@pytest.mark.parametrize(
    "path", [path for path in REFUSED if rule_of(path) not in (COMPILER, FLOW)], ids=lambda path: path.stem
)
def test_linter_refuses(path: Path) -> None:
    assert rule_of(path) in {finding.rule for finding in lint(read(path))}
    assert main([str(path)]) == 1


@pytest.mark.parametrize("path", broken(COMPILER, FLOW), ids=lambda path: path.stem)
def test_compiler_refuses(path: Path, errors: str, warnings_of_flow: str) -> None:
    assert lint(read(path)) == []
    said = errors if rule_of(path) == COMPILER else warnings_of_flow
    assert f"{path.relative_to(ROOT)}:" in said


def test_every_rule_refuses_something() -> None:
    names = {rule.__name__.strip("_").replace("_", "-") for rule in RULES}
    assert names | {"text", COMPILER, FLOW} == {rule_of(path) for path in REFUSED}


def test_only_one_file_sends_requests_and_one_sends_orders() -> None:
    for call, file in (("WebRequest(", "Http.mqh"), ("OrderSend(", "OrderGate.mqh")):
        assert [path.name for path in (ROOT / INCLUDE).rglob("*.mqh") if call in path.read_text()] == [file]
