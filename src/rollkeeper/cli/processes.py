"""Processes that are kept alive: started, started again when they die, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rollkeeper.cli.parent import SUPERVISED

ROLLKEEPER = (sys.executable, "-m", "rollkeeper.cli.main")  # this command line, in a process of its own
LOOK_SECONDS = 0.2
FIRST_PAUSE = 0.5  # seconds before a process that died is started again; doubled while it dies quickly
LONGEST_PAUSE = 30.0
QUICK = 10.0  # a process that lived shorter than this died quickly
MANY_QUICK_DEATHS = 4
POLITE_SECONDS = 15.0  # for ending after SIGTERM
FIRM_SECONDS = 3.0  # for ending after the second SIGTERM
LOG_LIMIT = 20 * 2**20  # bytes; a longer log is set aside once when its process starts


@dataclass(slots=True)
class Child:
    """One process that is kept alive. `arguments` follow `rollkeeper`.

    What it prints goes to `log`, or where ours goes.
    """

    name: str
    arguments: Sequence[str]
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    quick_deaths: int = 0
    start_again: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Children:
    """The processes of one supervisor, with `environment` on top of its own; `say` tells what befalls them."""

    say: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def keep_alive(self, name: str, arguments: Sequence[str], log: Path | None) -> Child:
        """Start a process and keep it alive until `end`."""
        child = Child(name, arguments, log)
        self.children.append(child)
        self._launch(child)
        return child

    def supervise(self, until: Callable[[], bool]) -> None:
        """Start again whatever dies, until the condition holds."""
        while not until():
            for child in self.children:
                self._look_after(child)
            time.sleep(LOOK_SECONDS)

    def supervise_for(self, seconds: float, until: Callable[[], bool]) -> bool:
        """Supervise for at most that long; returns whether the condition came about."""
        end = time.monotonic() + seconds
        came_about = False

        def done() -> bool:
            nonlocal came_about
            came_about = until()
            return came_about or time.monotonic() >= end

        self.supervise(done)
        return came_about

    def end(self) -> None:
        """End every process: ask, ask again, then kill. Returns when all are gone."""
        for number, seconds in (
            (signal.SIGTERM, POLITE_SECONDS),
            (signal.SIGTERM, FIRM_SECONDS),
            (signal.SIGKILL, 5),
        ):
            running = [child.process for child in self.children if child.process and child.is_running]
            for process in running:
                process.send_signal(number)
            end = time.monotonic() + seconds
            while any(process.poll() is None for process in running) and time.monotonic() < end:
                time.sleep(0.05)

    def _launch(self, child: Child) -> None:
        with _open_log(child.log) as log:
            child.process = subprocess.Popen(
                [*ROLLKEEPER, *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, SUPERVISED: "1"},
                start_new_session=True,  # a Ctrl-C in our terminal reaches us alone: we end them in order
            )
        child.started = time.monotonic()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.is_running:
            return
        if child.start_again == 0.0:
            self._note_death(child, now)
        if now >= child.start_again:
            child.start_again = 0.0
            self._launch(child)

    def _note_death(self, child: Child, now: float) -> None:
        """Decide when it is started again, and say so."""
        quick = now - child.started < QUICK
        child.quick_deaths = child.quick_deaths + 1 if quick else 0
        child.pause = min(child.pause * 2, LONGEST_PAUSE) if quick else FIRST_PAUSE
        child.start_again = now + child.pause
        code = child.process.returncode if child.process else 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self.say(f"The {child.name} {how}; it is started again.")
        if child.quick_deaths == MANY_QUICK_DEATHS:
            self.say(f"That happened {MANY_QUICK_DEATHS} times in a row. Its log ends:\n{child_tail(child)}")


def child_tail(child: Child, lines: int = 8) -> str:
    """The end of a process's log, for a message."""
    if child.log is None:
        return "(see above)"
    text = child.log.read_text(errors="replace")
    return "\n".join(text.splitlines()[-lines:]) + f"\n(the whole log: {child.log})"


def _open_log(log: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if log is None:
        return nullcontext()
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.rename(log.with_name(f"{log.name}.1"))
    return log.open("ab")
