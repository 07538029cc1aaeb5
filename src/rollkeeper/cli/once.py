"""Asking a site something in a process of its own: one process touches one site."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from rollkeeper.cli.frame import Exit, Failure
from rollkeeper.cli.parent import SUPERVISED
from rollkeeper.cli.processes import ROLLKEEPER


class Asked:
    """A `rollkeeper … --json` that runs beside this process. Its messages go where ours go."""

    def __init__(self, *arguments: str, told: str = "") -> None:
        """Start it. `told` is given to its standard input."""
        self._told = told.encode()
        self._process = subprocess.Popen(
            [*ROLLKEEPER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, SUPERVISED: "1"},
            start_new_session=True,
        )

    def answer(self) -> Any:
        """Wait for it. Its answer, or None where it prints none. Raises `Failure` where it failed."""
        try:
            printed, _ = self._process.communicate(self._told)
        finally:
            if self._process.poll() is None:
                self._process.terminate()
        if self._process.returncode != Exit.DONE:
            raise Failure(_reason(printed))
        return json.loads(printed) if printed.strip() else None


def ask(*arguments: str, told: str = "") -> Any:
    """Run one command of ours, wait, and return its answer. Raises `Failure`."""
    return Asked(*arguments, told=told).answer()


def ask_at_once(*commands: Sequence[str]) -> list[Any]:
    """Run several at the same time; their answers in order. Raises the first's `Failure`, once all have ended."""
    started = [Asked(*arguments) for arguments in commands]
    answers: list[Any] = []
    failures: list[Failure] = []
    for asked in started:
        try:
            answers.append(asked.answer())
        except Failure as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return answers


def _reason(printed: bytes) -> str:
    """What it said of its failure; it has said so on standard error as well, but who reads only us must know."""
    try:
        return str(json.loads(printed)["error"])
    except (ValueError, KeyError, TypeError):
        return "It failed for the reason above."
