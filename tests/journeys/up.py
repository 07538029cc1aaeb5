"""`rollkeeper up` in a fresh home, as `make run` starts it: what it prints, and how to act on what is up."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.whole.installation import Installation, ended

START = 900.0  # seconds on a machine with other things to do
LAST_LINE = "Ctrl-C ends everything."
SIGN_IN = re.compile(r"^(Marketing|CRM) site +(http://\S+) +sign in as administrator, password (\S+)$")


@dataclass
class Up:
    """A running `up` and what it said."""

    installation: Installation
    process: subprocess.Popen[str]
    said: list[str]
    marketing_url: str = ""
    crm_url: str = ""
    marketing_password: str = ""
    crm_password: str = ""

    def command(self, *arguments: str) -> Any:
        """A `rollkeeper … --json` beside it, which must succeed."""
        ran = self.installation.run(*arguments, "--json")
        assert ran.code == 0, ran
        return ran.json

    def list_count(self, code: str) -> int:
        [count] = [found["members"] for found in self.command("crm", "lists") if found["code"] == code]
        return int(count)

    def group(self, code: str) -> dict[tuple[str, str], dict[str, str]]:
        """The group's file, by customer id."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "group.csv"
            self.command("export-group", code, "--format", "csv", "-o", str(path))
            with path.open(newline="", encoding="utf-8") as file:
                return {(row["master_customer_id"], row["sub_customer_id"]): row for row in csv.DictReader(file)}

    def end(self) -> None:
        """Ctrl-C: it ends everything that it started."""
        self.process.send_signal(signal.SIGINT)
        ran = ended(self.process)
        assert ran.code == 0, ran


def brought_up(home: Path, sample: str = "small") -> Up:
    """Start it and read the addresses and passwords that it prints last."""
    installation = Installation(home)
    ports = [str(port) for port in installation.ports]
    arguments = ["up", "--sample", sample, "--no-browser", "--port", ports[0], "--crm-port", ports[1]]
    process = installation.start(*arguments, stderr=None)
    assert process.stdout is not None
    up = Up(installation, process, [])
    for line in process.stdout:
        up.said.append(line.rstrip("\n"))
        if match := SIGN_IN.match(up.said[-1]):
            site = match[1].lower()
            setattr(up, f"{site}_url", match[2])
            setattr(up, f"{site}_password", match[3])
        if up.said[-1] == LAST_LINE:
            return up
    raise AssertionError(f"It ended with {process.wait()}: {json.dumps(up.said)}")
