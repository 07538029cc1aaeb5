"""A process that does things in one site: JSON commands on standard input, an answer a line on standard output.

    {"do": "sync", "code": "TX"}   →   {"answer": {…}}  |  {"refused": "why"}  |  {"error": "traceback"}

`python -m tests.whole.driver crm` (or `marketing`). Each command calls what the pages and commands call.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from rollkeeper.cli.database import enter
from rollkeeper.configuration import Site


def main(site: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not print into our answers
    enter(cast("Site", site))
    from django.db import close_old_connections

    commands = import_module(f"tests.whole.{site}_commands")
    for line in sys.stdin:
        given = json.loads(line)
        command: Callable[..., Any] = getattr(commands, given.pop("do"))
        close_old_connections()  # as before each request: the server may have been away
        try:
            said = {"answer": command(**given)}
        except commands.REFUSALS as refusal:
            said = {"refused": str(refusal)}
        except Exception:
            said = {"error": traceback.format_exc()}
        print(json.dumps(said, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
