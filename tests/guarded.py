"""`python -m tests.guarded COMMAND ...`: runs a command that must not outlive whoever wanted it.

The command is interrupted as soon as the standard input of this process ends: because it was closed, or because the
test that held it is no more, however it ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    # A shell starts what runs in the background with this signal ignored, and whoever is started inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def interrupt() -> None:
        os.read(0, 1)
        process.send_signal(signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
