"""Results as pages: a model card with its plots inside, tables of what was trained, judged and tried."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trifecta.forecast.live import Report

if TYPE_CHECKING:
    from flows.train import Result


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
    lines = ["| symbol | horizon | network | verdict | |", "|---|---:|---|---|---|"]
    for one in results:
        job, record = one.job, one.record
        verdict = "not trained" if record is None else str(record.status)
        why = one.problem if record is None else f"{record.version}: {one.lost or record.reason}"
        lines.append(f"| {job.venue} {job.symbol} | {job.horizon_s} s | {job.network} | {verdict} | {_cell(why)} |")
    return "\n".join(lines)


def live_table(reports: Sequence[Report], problems: Mapping[str, str]) -> str:
    """A line a champion: its live loss, the baselines', its coverage, what moved, and what was decided."""
    lines = [
        "| champion | forecasts | QLIKE | best baseline | held | inputs that moved | decided |",
        "|---|--:|--:|--:|--:|---|---|",
    ]
    for one in reports:
        live = one.judgement
        best = min(live.baselines.items(), key=lambda item: item[1], default=("-", float("nan")))
        moved = ", ".join(f"{name} {one.psi[name]:.2f}" for name in one.moved) or "none"
        decided = f"{'demoted' if live.demote else 'stays'}: {live.reason}"
        figures = f"{live.forecasts} | {live.model:.4f} | {best[1]:.4f} {best[0]} | {live.coverage:.1%}"
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
