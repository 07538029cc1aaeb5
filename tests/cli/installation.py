"""An installation of its own, driven from outside through the command, as a person drives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

COMMAND = str(Path(sys.executable).with_name("rollkeeper"))
START_SECONDS = 240  # on a busy machine
END_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@dataclass
class Installation:
    """A home with ports of its own. `output` is where `up` prints.

    `first_lists` and `first_runs` are what the commands said right after the start that tests share.
    """

    home: Path
    port: int = field(default_factory=free_port)
    crm_port: int = field(default_factory=free_port)
    up: subprocess.Popen[bytes] | None = None
    first_lists: list[dict[str, Any]] = field(default_factory=list)
    first_runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def output(self) -> Path:
        return self.home.with_name(f"{self.home.name}.up")

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLKEEPER_")}
        return {**kept, "ROLLKEEPER_HOME": str(self.home), **more}

    def run(self, *arguments: str, told: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment(**environment),
            input=told,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def answer(self, *arguments: str, code: int = 0) -> Any:
        """The JSON document of a command, which is all that it prints on standard output."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def start(self, sample: str = "none") -> None:
        """Start `up` and wait until it serves."""
        with self.output.open("wb") as output:
            self.up = subprocess.Popen(
                [
                    *(COMMAND, "up", "--sample", sample, "--no-browser"),
                    *("--port", str(self.port), "--crm-port", str(self.crm_port)),
                ],
                env=self.environment(),
                stdout=output,
                stderr=output,
            )
        up = self.up
        until(lambda: up.poll() is not None or "Ctrl-C ends" in self.printed(), START_SECONDS, self.printed())
        assert up.poll() is None, self.printed()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End `up` as Ctrl-C does; its exit code."""
        assert self.up is not None
        self.up.send_signal(number)
        return self.up.wait(END_SECONDS)

    def printed(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[psutil.Process]:
        """All processes that belong to the installation, PostgreSQL included: their environment or command name its home."""
        found = []
        for process in psutil.process_iter():
            try:
                names_home = str(self.home) in " ".join(process.cmdline())
                if names_home or process.environ().get("ROLLKEEPER_HOME") == str(self.home):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def child(self, *words: str) -> psutil.Process:
        """The process that `up` itself started with these words."""
        assert self.up is not None
        wanted = list(words)
        (found,) = [
            child for child in psutil.Process(self.up.pid).children() if child.cmdline()[-len(wanted) :] == wanted
        ]
        return found

    def answers(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2) as response:
                return bool(response.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False
