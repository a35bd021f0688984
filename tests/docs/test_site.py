"""The documentation as it is built: whole, without a dead link, and without anything from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trifecta.ops.alerts.rules import RULES
from trifecta.settings import Settings
from warehouse import TABLES

ROOT = Path(__file__).parents[2]
ASSETS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """Links, assets and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.anchors: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag in ASSETS and ASSETS[tag] in told and told.get("rel") != "canonical":
            self.assets.append(told[ASSETS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert built.returncode == 0, built.stderr
    return {path: Page(path) for path in folder.rglob("*.html")}


def test_every_link_within_the_site_leads_somewhere(site: dict[Path, Page]) -> None:
    dead = []
    for path, page in site.items():
        if path.name == "404.html":
            continue  # its links begin at the server's root
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment and target in site and unquote(parts.fragment) not in site[target].anchors
            ):
                dead.append((path.name, link))
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    foreign = [(path.name, asset) for path, page in site.items() for asset in page.assets if urlsplit(asset).netloc]
    assert foreign == []
    styles = list(next(iter(site)).parent.rglob("*.css"))
    assert not [path.name for path in styles if "url(http" in path.read_text() or "@import" in path.read_text()]


def test_links_to_elsewhere_are_few_and_encrypted(site: dict[Path, Page]) -> None:
    outside = {link for page in site.values() for link in page.links if urlsplit(link).scheme}
    assert all(link.startswith(("https://", "http://127.0.0.1:")) for link in outside), outside


def test_every_command_setting_table_endpoint_and_alert_is_told(site: dict[Path, Page]) -> None:
    pages = {path.name: page.text for path, page in site.items()}
    for command in ("trifecta up", "trifecta sql", "trifecta alerts watch", "trifecta models promote"):
        assert command in pages["commands.html"]
    for setting in ("TRIFECTA_API_TOKEN", "TRIFECTA_ALERTS__QUIET_FROM", "TRIFECTA_VENUES__&lt;NAME&gt;__SYMBOLS"):
        assert setting in pages["settings.html"]
    silent = [name for name, field in _fields(Settings) if not field.description]
    assert silent == []
    assert all(f"raw.{name}" in pages["tables.html"] for name in TABLES)
    assert "GET /market-range/simple" in pages["api.html"]
    assert all(f"<code>{rule.name}</code>" in pages["runbook.html"] for rule in RULES)


def _fields(section: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the settings that holds a value."""
    for name, field in section.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        below = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
        yield from [(name, field)] if below is None else _fields(below)


def test_links_of_the_readme_lead_somewhere() -> None:
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
