"""Pages that flows wrote: those are served, and nothing else of the data folder, to whoever may ask."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.serve.sidecar import MakeSettings, client_of
from trifecta.clock import ManualClock
from trifecta.serve import pages
from trifecta.serve.app import create
from trifecta.serve.front import Front

TOKEN = "a-token-of-more-than-16-characters"
PAGE = "<!doctype html><html lang=en><body>what trading earned: -1.50 €</body></html>\n"


@pytest.fixture
def folder(front: Front) -> Path:
    """The folder of pages, with one in it, beside what nobody must see."""
    found = front.service.settings.reports_dir
    found.mkdir(parents=True)
    (found / "performance.html").write_text(PAGE, encoding="utf-8")
    (found.parent / "secret.html").write_text("the ledger's password")
    return found


async def test_a_page_is_served_as_it_was_written_and_may_do_nothing(client: httpx.AsyncClient, folder: Path) -> None:
    answer = await client.get("/reports/performance.html")
    assert (answer.status_code, answer.content.decode()) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; sandbox")
    assert "script" not in policy


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.html", "..%2fsecret.html", "%2e%2e/secret.html", "..%5csecret.html", "/etc/passwd"),
        *(".performance.html.new", "performance.html%00", "performance.html%0a", "performance.HTML", ".html"),
        *("performance", "a" * 300 + ".html", "secret.html", "linked.html"),
    ],
)
async def test_nothing_but_a_page_of_the_folder_is_read(client: httpx.AsyncClient, folder: Path, name: str) -> None:
    (folder / ".performance.html.new").write_text("half of a page")
    (folder / "linked.html").symlink_to(folder.parent / "secret.html")
    answer = await client.get(f"/reports/{name}")
    assert answer.status_code in (404, 422, 503)
    assert set(answer.json()) == {"error", "reason"}
    assert "password" not in answer.text
    assert "half" not in answer.text


async def test_a_page_that_is_not_there_yet_says_who_writes_it(client: httpx.AsyncClient, front: Front) -> None:
    answer = await client.get("/reports/performance.html")
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown")
    assert "has not run yet" in answer.json()["reason"]


async def test_what_cannot_be_a_page_of_ours_is_told(
    client: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a-folder.html").mkdir()
    assert (await client.get("/reports/a-folder.html")).json()["error"] == "unreadable"
    monkeypatch.setattr(pages, "MOST_BYTES", 10)
    answer = await client.get("/reports/performance.html")
    assert (answer.status_code, answer.json()["reason"]) == (503, "report 'performance.html' is larger than 10 bytes")


async def test_a_page_asks_for_the_token_and_is_only_read(settings_of: MakeSettings, clock: ManualClock) -> None:
    front = create(settings_of(api_token=TOKEN), clock=clock)
    folder = front.service.settings.reports_dir
    folder.mkdir(parents=True)
    (folder / "performance.html").write_text(PAGE, encoding="utf-8")
    async with client_of(front) as stranger, client_of(front, authorization=f"Bearer {TOKEN}") as friend:
        assert (await stranger.get("/reports/performance.html")).status_code == 401
        assert (await friend.get("/reports/performance.html")).status_code == 200
        for method in ("POST", "PUT", "DELETE"):
            assert (await friend.request(method, "/reports/performance.html")).status_code == 405
