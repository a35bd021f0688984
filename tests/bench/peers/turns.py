"""A peer's side of a race: tells that it is ready, then runs once for each line that it is sent."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any


def take_turns(work: Callable[[], object], **told: Any) -> None:
    print(json.dumps(told), flush=True)
    for _ in sys.stdin:
        gc.collect()
        began = time.process_time()
        work()
        print(json.dumps({"seconds": time.process_time() - began}), flush=True)
