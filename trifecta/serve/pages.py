"""Pages that flows wrote, as a browser may show them: they run nothing, load nothing and send nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, Response

from trifecta.serve.problems import NoAnswerError, unknown

MOST_BYTES = 8 * 1024 * 1024
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""Of a stored page only what it says is shown: its styles and pictures stand inside it."""
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page", "content": {HTMLResponse.media_type: {"schema": {"type": "string"}}}}
}

Name = Annotated[
    str,
    InPath(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\.html$",
        description="Which page of the folder `reports`",
        examples=["performance.html"],
    ),
]


def add_pages(app: FastAPI, folder: Path, answers: dict[int | str, Any]) -> None:
    """Adds the route; `answers` documents what else it may answer."""

    @app.get("/reports/{name}", response_class=Response, responses=_PAGE | answers, tags=["operations"])
    async def get_report(name: Name) -> Response:
        """A page that a flow wrote, such as the tear sheet of the flow `performance`. It needs no network and no
        script."""
        content = await asyncio.to_thread(_read, folder, name)
        return HTMLResponse(content, headers={"content-security-policy": POLICY})


def _read(folder: Path, name: str) -> bytes:
    """The file of that name in the folder itself, whole as it was swapped in.

    Raises:
        NoAnswerError: 404, there is none; 503, it cannot be read, or is larger than any page of ours.
    """
    try:
        with open(folder / name, "rb", opener=_open) as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise unknown(f"report {name!r} is not there: the flow that writes it has not run yet") from error
    except OSError as error:
        raise NoAnswerError(503, "unreadable", f"report {name!r} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise NoAnswerError(503, "unreadable", f"report {name!r} is larger than {MOST_BYTES} bytes")
    return content


def _open(path: str, flags: int) -> int:
    """A link could lead out of the folder: it is not followed."""
    return os.open(path, flags | _NOFOLLOW)
