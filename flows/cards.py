"""Results as pages: a model card with its plots inside, tables of what was trained, judged and tried."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trifecta.forecast.drift import Report
from trifecta.ops.training import Job, Made


@dataclass(frozen=True)
class Result:
    """What became of one job: a registered version, or why there is none."""

    job: Job
    made: Made | None = None
    problem: str = ""


def card(folder: Path) -> str:
    """The version's card.md; its plots follow as images within the text, since Prefect serves no files."""
    plots = (
        f"![{path.stem}](data:image/png;base64,{b64encode(path.read_bytes()).decode()})" for path in _plots(folder)
    )
    return "\n\n".join([(folder / "card.md").read_text(), *plots])


def _plots(folder: Path) -> list[Path]:
    return sorted((folder / "plots").glob("*.png"))


def training_table(results: Iterable[Result]) -> str:
    """A line a job: its version and verdict, or why it has none."""
    lines = ["| what | network | verdict | |", "|---|---|---|---|"]
    for one in results:
        verdict, why = "not trained", one.problem
        if one.made is not None:
            record = one.made.record
            verdict, why = str(record.status), f"{record.version}: {one.made.lost or record.reason}"
        lines.append(f"| {one.job.key} | {one.job.network} | {verdict} | {_cell(why)} |")
    return "\n".join(lines)


def live_table(reports: Sequence[Report], problems: Mapping[str, str]) -> str:
    """A line a champion: its live loss, the baselines', how often it was right, what moved, and what was decided."""
    lines = [
        "| champion | forecasts | loss | best baseline | held, or side right | inputs that moved | decided |",
        "|---|--:|--:|--:|--:|---|---|",
    ]
    for one in reports:
        live = one.judgement
        best = min(live.baselines.items(), key=lambda item: item[1], default=("-", float("nan")))
        moved = ", ".join(f"{name} {one.psi[name]:.2f}" for name in one.moved) or "none"
        decided = f"{'demoted' if live.demote else 'stays'}: {live.reason}"
        figures = f"{live.forecasts} | {live.measure} {live.model:.4f} | {best[1]:.4f} {best[0]} | {live.right:.1%}"
        lines.append(f"| {one.version} | {figures} | {moved} | {_cell(decided)} |")
    lines += [f"| {version} | - | - | - | - | - | {_cell(problem)} |" for version, problem in problems.items()]
    return "\n".join(lines) if reports or problems else "No champion serves: there is nothing to judge."


def trials_table(trials: Sequence[tuple[int, float | None, Mapping[str, Any]]]) -> str:
    """A line a trial, the best first."""
    lines = ["| trial | validation QLIKE | parameters |", "|--:|--:|---|"]
    for number, loss, chosen in sorted(trials, key=lambda trial: (trial[1] is None, trial[1])):
        told = "pruned" if loss is None else f"{loss:.4f}"
        lines.append(f"| {number} | {told} | {', '.join(f'{name} {value}' for name, value in chosen.items())} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
