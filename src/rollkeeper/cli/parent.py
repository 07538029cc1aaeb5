"""Children that end with their parent: nothing that `up` started outlives it, even where `up` is killed."""

from __future__ import annotations

import os
import signal
import threading
import time

SUPERVISED = "ROLLKEEPER_SUPERVISED"  # set in the environment of what a supervisor starts
LOOK_SECONDS = 0.5
END_SECONDS = 15.0  # for ending cleanly; PostgreSQL takes what is cut off then as a crash of its client


def end_with_parent() -> None:
    """Where a supervisor started this process: end it cleanly when its parent is gone.

    A thread looks. An orphan gets another parent: that is what every Unix tells, whatever way the parent died.
    """
    if SUPERVISED not in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
