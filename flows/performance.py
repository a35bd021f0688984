"""What trading earned, every day: a tear sheet in the data folder, and its figures and plots as artifacts."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import acreate_link_artifact, acreate_markdown_artifact

from flows import pictures
from flows.report import NOTED, begin, marked
from flows.retry import STEP
from trifecta.clock import SystemClock
from trifecta.ops import earnings
from trifecta.ops.parts import api_url
from trifecta.settings import Settings
from trifecta.trade.performance import Performance


@task(**STEP)
def compute(settings: Settings) -> list[Performance]:
    return earnings.of(settings, SystemClock())


@task(task_run_name="write {path}", **STEP)
def write(told: list[Performance], path: Path) -> Path:
    return earnings.write(told, path)


@flow(flow_run_name="daily performance", **NOTED)
async def performance() -> Path:
    """Writes the tear sheet of every portfolio, and shows it."""
    settings = begin()
    told = compute(settings)
    path = write(told, settings.reports_dir / "performance.html")
    await acreate_link_artifact(
        key="tear-sheet",
        link=f"{api_url(settings)}/reports/{path.name}",
        link_text=path.name,
        description=marked(settings, f"Performance, a page without network; the file is {path}"),
    )
    await acreate_markdown_artifact(
        key="performance",
        markdown=pictures.performance(told),
        description=marked(settings, "What trading earned, and its course"),
    )
    return path
