"""Ticks: what every worker does every few seconds, to see whether an hour has come.

    @tick
    def take_due() -> None: ...

in an app's `tasks.py`. All workers tick at once, so a tick takes what is due by a conditional update, in one
transaction with the request of the work: whoever comes second finds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import close_old_connections

logger = logging.getLogger(__name__)

TICK_SECONDS = 2.0

Tick = Callable[[], object]

_ticks: list[Tick] = []


def tick(function: Tick) -> Tick:
    """Have every worker of this site call the function every `TICK_SECONDS`."""
    _ticks.append(function)
    return function


def tick_once() -> None:
    """Call every tick. One that fails is told in the log and tried again at the next round; the others go on."""
    close_old_connections()  # as at the beginning of a request: a connection that broke is made anew
    for each in _ticks:
        try:
            each()
        except Exception:
            logger.exception("A tick failed; it is tried again in %.0f s", TICK_SECONDS)
            close_old_connections()
