"""The flow that tells what trading earned: its artifact leads to the page, as the sidecar serves it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

import flows.performance
from tests.flows.test_models import pytestmark  # noqa: F401 - the same server, the same warnings of its clients
from tests.ports import free_port
from tests.serve.sidecar import client_of
from trifecta.serve.app import create
from trifecta.settings import load


async def test_the_tear_sheet_is_behind_its_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_api: str
) -> None:
    port = free_port()
    monkeypatch.chdir(tmp_path)
    for name, value in (("DATA_DIR", tmp_path / "data"), ("PREFECT_API", prefect_api), ("API_PORT", port)):
        monkeypatch.setenv(f"TRIFECTA_{name}", str(value))
    path = await flows.performance.performance()
    wanted = ArtifactFilter(key=ArtifactFilterKey.model_validate({"any_": ["tear-sheet"]}))
    async with get_client() as client:
        (artifact,) = await client.read_artifacts(artifact_filter=wanted, limit=1, sort="UPDATED_DESC")  # type: ignore[arg-type]
    link = re.fullmatch(r"\[performance\.html\]\((http://127\.0\.0\.1:\d+)(/.+)\)", str(artifact.data))
    assert link is not None, artifact.data
    assert link[1] == f"http://127.0.0.1:{port}"
    async with client_of(create(load())) as browser:
        answer = await browser.get(link[2])
    assert (answer.status_code, answer.text) == (200, path.read_text())
    assert "Nothing was booked yet." in answer.text
