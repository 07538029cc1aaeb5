"""Children that end with their parent: nothing that `up` started outlives it, even where `up` is killed."""

from __future__ import annotations

import os
import signal
import threading
import time

LOOK_SECONDS = 0.5
END_SECONDS = 15.0  # for ending cleanly; PostgreSQL takes what is cut off then as a crash of its client


def end_with_parent() -> None:
    """Watch, from a thread, that the process that started this one lives; end this one cleanly when it does not.

    An orphan gets another parent: that is what every Unix tells, whatever way the parent died.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
