"""What is to be seen of one site from within: its tables, its worker, its bridges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rollkeeper.cli.database import missing_migrations
from rollkeeper.cli.finding import Finding
from rollkeeper.configuration import Site, configuration


def inspect(site: Site) -> Iterator[Finding]:
    """The findings of one site; this process is set up for it."""
    tables = _tables(site)
    yield tables
    if not tables.ok:
        return
    yield _worker(site)
    if site == "marketing":
        yield from _bridges()


def _tables(site: Site) -> Finding:
    what = f"{site} database"
    missing = missing_migrations()
    name = configuration().database_name(site)
    if missing:
        detail = f"{name} lacks {len(missing)} migrations of this version."
        return Finding(what, ok=False, detail=detail, remedy="Run `rollkeeper up`, which brings it up to date.")
    return Finding(what, ok=True, detail=f"{name} is up to date.")


def _worker(site: Site) -> Finding:
    from django.utils import timezone
    from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

    from rollkeeper.work.worker import DEAD_AFTER_SECONDS

    what = f"{site} worker"
    alive_since = timezone.now() - timedelta(seconds=DEAD_AFTER_SECONDS)
    waiting = ProcrastinateJob.objects.filter(status="todo", scheduled_at=None).count()
    if ProcrastinateWorker.objects.filter(last_heartbeat__gte=alive_since).exists():
        return Finding(what, ok=True, detail=f"It is at work; {waiting} pieces of work wait.")
    detail = f"No worker has given a sign of life for {DEAD_AFTER_SECONDS:.0f} s; {waiting} pieces of work wait."
    return Finding(what, ok=False, detail=detail, remedy="Start one: rollkeeper up, or rollkeeper work.")


def _bridges() -> Iterator[Finding]:
    from rollkeeper.marketing.bridges.connection import open_connector
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.bridges.secret import SecretUnreadable
    from rollkeeper.sync.connector import ConnectorError, SourceUnavailable

    bridges = list(Bridge.objects.filter(is_enabled=True))
    if not bridges:
        remedy = "Run `rollkeeper up`, which makes one to the bundled CRM."
        yield Finding("Bridges", ok=False, detail="There is none.", remedy=remedy)
    for bridge in bridges:
        what = f"Bridge {bridge.name}"
        try:
            yield Finding(what, ok=True, detail=open_connector(bridge).test())
        except SourceUnavailable as error:
            yield Finding(what, ok=False, detail=str(error), remedy="Start the CRM site: rollkeeper up.")
        except (ConnectorError, SecretUnreadable) as error:
            remedy = "Correct the bridge under Admin, Setup, Bridge Configurations."
            yield Finding(what, ok=False, detail=str(error), remedy=remedy)
