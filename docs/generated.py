"""Pages of the documentation that the code itself tells: a MkDocs hook, so that none of them is ever out of date."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import httpx
import typer
import typer.cli
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from trifecta.cli import app
from trifecta.ops.alerts.rules import RULES
from trifecta.serve.app import create
from trifecta.settings import Settings, load
from warehouse import TABLES, Lake, session
from warehouse.ledger import metadata

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Decimal: "amount",
    Path: "path",
    SecretStr: "secret",
}
_METHODS = ("get", "post", "put", "delete")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lets the menu name every page: those that it does not name yet come last of `Inside`."""
    inside = next(part["Inside"] for part in config.nav or [] if "Inside" in part)
    named = {page for part in config.nav or [] for pages in part.values() for page in pages}
    inside += sorted(path.name for path in Path(config.docs_dir).glob("*.md") if path.name not in named)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files


def commands() -> str:
    """Every command of `trifecta`, with its options and an example."""
    command = typer.main.get_command(app)
    text = typer.cli.get_docs_for_click(obj=command, ctx=typer.Context(command), name="trifecta", title="Commands")
    return text.replace("\nExample: ", "\n**Example**: ")


def settings() -> str:
    """Every setting: its key, the variable that sets it, its default, what it takes."""
    lines = [
        "# Settings",
        "",
        "Environment variables win over `.env`, which wins over `trifecta.toml`; `trifecta init` writes one",
        "with the keys that people change most. A key that does not exist, or a value that cannot be, is refused",
        "at the start with its name, the value and what is expected. Lists and maps are JSON in a variable:",
        '`TRIFECTA_VENUES__BINANCE__SYMBOLS=["BTCUSDT"]`.',
        "",
        *_section("General", Settings, ""),
    ]
    return "\n".join(lines)


def _section(title: str, model: type[BaseModel], path: str) -> Iterator[str]:
    plain = {name: field for name, field in model.model_fields.items() if _nested(field) is None}
    yield from (f"## {title}", "", (model.__doc__ or "").split("Raises")[0].strip(), "")
    yield from ("| key | variable | default | takes |", "|---|---|---|---|")
    for name, field in plain.items():
        key = f"{path}{name}"
        takes = " · ".join(part for part in (_type(field), _bounds(field), field.description or "") if part)
        yield f"| `{key}` | `TRIFECTA_{key.upper().replace('.', '__')}` | {_default(field)} | {takes} |"
    yield ""
    for name, field in model.model_fields.items():
        nested = _nested(field)
        if nested is not None:
            below = f"{path}{name}." if _is_model(field.annotation) else f"{path}{name}.<name>."
            yield from _section(f"`{below.removesuffix('.')}`", nested, below)


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    """The section behind a field, or behind each entry of a map."""
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _type(field: FieldInfo) -> str:
    """What a setting takes, in words."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{option.value}`" for option in kind)
    if get_origin(kind) is Literal:
        return " or ".join(f"`{option}`" for option in get_args(kind))
    if get_origin(kind) is not None:
        return re.sub(r"\b[a-z_]+\.", "", str(kind)).replace(" | None", "").replace("SecretStr", "secret")
    return _WORDS.get(kind, str(kind))


def _bounds(field: FieldInfo) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    told = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in signs.items()
        if getattr(item, name, None) is not None
    ]
    return ", ".join(told)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr) or value in ("", None, [], {}):
        return ""
    return f"`{value if isinstance(value, (str, int, float)) else json.dumps(value, default=str)}`"


def tables() -> str:
    """Every relation of the warehouse, column by column."""
    lines = [
        "# Tables",
        "",
        "What `trifecta sql`, the SQL page and `warehouse.duckdb` show; the file has no ledger. Views turn stored",
        "integers into prices and times; marts show closed periods only. Times are UTC. A venue that begins with",
        "`sim_` is the emulator's.",
        "",
        "## Views and marts",
        "",
    ]
    docs = {(name, column.name): _doc(column) for name, table in TABLES.items() for column in table.schema}
    with tempfile.TemporaryDirectory() as folder, session(Lake(f"{folder}/lake")) as connection:
        views = connection.execute(
            "select view_name, comment from duckdb_views() where schema_name = 'main' and not internal order by 1"
        ).fetchall()
        for name, grain in views:
            lines += [f"### `{name}`", "", f"{grain}", "", "| column | type | |", "|---|---|---|"]
            for column, kind, *_ in connection.execute(f"describe {name}").fetchall():
                lines.append(f"| `{column}` | {kind.lower()} | {_of_view(docs.get((name, column), ''))} |")
            lines.append("")
    lines += [
        "## Stored in the lake",
        "",
        "Schema `raw` of a session: exact integers, as Delta has them.",
        "",
    ]
    for table in TABLES.values():
        lines += [f"### `raw.{table.name}`", "", table.doc, "", f"Partitioned by {', '.join(table.partition_by)}.", ""]
        lines += ["| column | type | |", "|---|---|---|"]
        lines += [f"| `{column.name}` | {column.type} | {_doc(column)} |" for column in table.schema] + [""]
    return "\n".join([*lines, *_ledger()])


def _of_view(doc: str) -> str:
    """A view has scaled and converted what the lake stores."""
    for stored in (", scaled", "scaled", ", ns", ", in units of 10^-time_scale s", "in units of 10^-time_scale s; "):
        doc = doc.removesuffix(stored).removeprefix(stored)
    return doc


def _doc(column: Any) -> str:
    return (column.metadata or {}).get(b"doc", b"").decode()


def _ledger() -> Iterator[str]:
    yield from (
        "## Ledger",
        "",
        "Rows that must be unique and transactional. Times are ns, UTC. `trifecta sql` and the SQL page show them as",
        "timestamps, `ts_ns` as `ts`, and amounts of money as decimals.",
        "",
    )
    for table in metadata.sorted_tables:
        yield from (f"### `{table.name}`", "", table.info["doc"], "", "| column | type | |", "|---|---|---|")
        for column in table.columns:
            keys = [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
            told = ["key"] * column.primary_key + keys + ["may be null"] * bool(column.nullable)
            told += [column.doc] if column.doc else []
            yield f"| `{column.name}` | {str(column.type).lower()} | {' · '.join(told)} |"
        yield ""


def api() -> str:
    """Every endpoint of the sidecar, from its OpenAPI description."""
    spec = asyncio.run(_specification())
    lines = ["# API", "", spec["info"]["description"], "", "The running sidecar shows this with a form at `/docs`.", ""]
    for path, methods in spec["paths"].items():
        for method in _METHODS:
            if method in methods:
                lines += _endpoint(path, method, methods[method], spec)
    return "\n".join(lines)


async def _specification() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        transport = httpx.ASGITransport(create(load(data_dir=folder)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get("/openapi.json")
            return dict(answer.raise_for_status().json())


def _endpoint(path: str, method: str, told: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    yield from (f"## `{method.upper()} {path}`", "", told.get("description", ""), "")
    if parameters := told.get("parameters", []):
        yield from ("| parameter | takes | |", "|---|---|---|")
        for one in parameters:
            name = f"`{one['name']}`" + (" (required)" if one.get("required") else "")
            yield f"| {name} | {_schema(one['schema'])} | {one.get('description', '')} |"
        yield ""
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        yield from _fields("It takes a JSON object:", body, spec)
    answers = told["responses"]
    success = answers.get("200", {}).get("content", {}).get("application/json", {}).get("schema")
    if success:
        yield from _fields("It answers:", success, spec)
    others = [f"{status}: {answer['description']}" for status, answer in answers.items() if status != "200"]
    if others:
        yield from ("Otherwise:", "", *(f"- {other}" for other in others), "")


def _fields(title: str, schema: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    name = schema.get("$ref", "").rpartition("/")[2]
    fields = spec["components"]["schemas"].get(name, schema).get("properties", {})
    if fields:
        yield from (title, "", "| field | is | |", "|---|---|---|")
        for field, kind in fields.items():
            yield f"| `{field}` | {_schema(kind)} | {kind.get('description', '')} |"
        yield ""


def _schema(kind: dict[str, Any]) -> str:
    if "anyOf" in kind:
        return " or ".join(_schema(option) for option in kind["anyOf"])
    if "$ref" in kind:
        return str(kind["$ref"].rpartition("/")[2])
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    told = [f"{sign} {kind[name]:g}" for name, sign in bounds.items() if name in kind]
    name = f"list of {_schema(kind['items'])}" if isinstance(kind.get("items"), dict) else kind.get("type", "any")
    return ", ".join([name, *told])


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/tables.md": tables,
    "reference/api.md": api,
}


def alerts() -> str:
    """Every alert, what it means and what to do."""
    lines = ["## Alerts", ""]
    for rule in RULES:
        lines += [f"### `{rule.name}`", "", f"*{rule.severity.value.capitalize()}.* {rule.meaning}", ""]
        lines += [f"**What to do.** {rule.remedy}", ""]
    return "\n".join(lines)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Puts what the code tells where a page asks for it."""
    return markdown.replace("<!-- generated: alerts -->", alerts())
