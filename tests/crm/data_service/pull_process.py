"""A process of its own that pulls a list from the data service, and says how much memory it came to need.

    python -m tests.crm.data_service.pull_process serve CODE           the service's side, bytes thrown away
    python -m tests.crm.data_service.pull_process pull CODE URL TOKEN  the connector's side

Prints the rows and the peak of resident memory (VmHWM) in KiB.
"""

from __future__ import annotations

import sys
from pathlib import Path


def serve(code: str) -> int:
    """Encode the whole stream, as the view does."""
    import django

    django.setup()
    from rollkeeper.crm.data_service.members import open_members
    from rollkeeper.sync.member_stream import encode

    with open_members(code) as members:
        for _ in encode(members.opening, members.batches(), members.facts):
            pass
        return members.count


def pull(code: str, url: str, token: str) -> int:
    """Read the whole stream, as a sync does."""
    from rollkeeper.connectors.rollkeeper_crm import Connector

    with Connector(url, "", token).members(code) as opened:
        return sum(batch.num_rows for batch in opened.batches())


if __name__ == "__main__":
    side, *arguments = sys.argv[1:]
    rows = serve(*arguments) if side == "serve" else pull(*arguments)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    sys.stdout.write(f"{rows} {peak}\n")
