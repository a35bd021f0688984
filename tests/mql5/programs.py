"""Every test program: its sources and the case files that exercise them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.mql5.build import EXPERT, HERE, ROOT, Built, Flavour, build


@dataclass(frozen=True, slots=True)
class Program:
    """A `.mq5` file and the case files compiled with it."""

    main: Path
    cases: tuple[str, ...]

    def built(self) -> Built:
        return build(self.main, ["world.hpp", *self.cases, "main.cpp"], Flavour.CHECKED)

    def names(self) -> list[str]:
        """The names of its cases, as written in the files."""
        texts = [(ROOT / HERE / "cases" / file).read_text() for file in self.cases]
        return [name for text in texts for name in re.findall(r'^CASE\("(.+?)"\)', text, re.MULTILINE)]


PARTS = ("json.cpp", "sidecar.cpp", "range.cpp", "sizer.cpp", "logic.cpp")
PROGRAMS = {
    "parts": Program(EXPERT, PARTS),
    "expert": Program(EXPERT, ("orders.cpp", "pusher.cpp", "expert.cpp", "beside.cpp", "weeks.cpp", "terminal.cpp")),
    "drop_in": Program(HERE / "programs" / "LegacyBox.mq5", ("drop_in.cpp",)),
}
