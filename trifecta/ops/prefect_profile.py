"""The profile that `PREFECT_HOME=data/prefect prefect ...` uses: the server and database of this data folder."""

from __future__ import annotations

import re
from pathlib import Path

from trifecta.ops import parts
from trifecta.settings import Settings


def write(settings: Settings) -> Path:
    """Where it was written. Without it Prefect's commands start a server of their own on the same database."""
    variables = {name: value for name, value in parts.prefect_environment(settings).items() if _is_setting(name)}
    path = settings.data_dir / "prefect" / "profiles.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        'active = "trifecta"',
        "",
        "[profiles.trifecta]",
        *(f'{name} = "{value}"' for name, value in variables.items()),
    ]
    path.write_text("\n".join([*lines, ""]))
    return path


def _is_setting(name: str) -> bool:
    return re.fullmatch(r"PREFECT_[A-Z_]+", name) is not None and name != "PREFECT_HOME"
