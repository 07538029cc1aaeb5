"""What the benchmark has done in fresh processes: `python -m bench.errands NAME`, arguments as JSON on stdin.

One process touches one site. What is measured begins when everything is imported, as in a worker.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import floors
from bench.installation import LARGEST_REAL, errand
from bench.meter import measured

WARM = 2  # turns that are not counted, in a worker that shall have run before
LIST = "BENCH"
FILTERED = "BENCH_FILTERED"
EVERYONE = {"combinator": "and", "rules": [{"field": "status", "operator": "notNull"}]}


def fill_crm(total: int) -> dict[str, Any]:
    """A CRM with that many constituents, the sample's 21 personalization fields, and two lists, built.

    Beyond a million the list's members are multiplied by SQL.
    """
    from rollkeeper.cli.database import migrate, set_up

    set_up("crm")
    migrate()
    from django.utils import timezone

    from bench.multiply import REAL, multiply
    from rollkeeper.crm.jobs.models import Job, JobRun
    from rollkeeper.crm.jobs.perform import perform
    from rollkeeper.crm.jobs.request import record_run
    from rollkeeper.crm.lists.definition import save_list
    from rollkeeper.crm.sample.generate import fill
    from rollkeeper.crm.sample.view import put_sample_view

    put_sample_view()
    fill(total if total <= LARGEST_REAL else REAL, timezone.localdate())
    save_list(LIST, "Everyone", rule=EVERYONE)
    save_list(FILTERED, "Members in good standing", rule=_members_in_good_standing())
    for code in (LIST, FILTERED):
        run = perform(record_run(Job.MKT510, list_code=code, requested_by="bench").pk)
        assert run.state == JobRun.State.COMPLETED, run.message
    if total > LARGEST_REAL:
        multiply(LIST, total)
    return {}


def refresh(**_: Any) -> dict[str, Any]:
    """The CRM's dirty profiles rebuilt, which happens once for all lists: no sync that is measured pays for it."""
    from rollkeeper.cli.database import set_up

    set_up("crm")
    from rollkeeper.crm.personalization.profile import refresh_profiles

    return {"profiles": refresh_profiles()}


def _members_in_good_standing() -> dict[str, Any]:
    from django.utils import timezone

    today = timezone.localdate().isoformat()
    rules = [
        {"field": "status", "operator": "=", "value": "ACTIVE"},
        {"field": "membership.expires_on", "operator": ">=", "value": today},
    ]
    return {"combinator": "and", "rules": rules}


def join_sites(crm_url: str, token: str) -> dict[str, Any]:
    """A marketing site with a bridge to the CRM, its catalog synced."""
    from rollkeeper.cli.database import set_up

    set_up("marketing")
    from rollkeeper.cli.preparation import BRIDGE_NAME, prepare_marketing, store_token
    from rollkeeper.cli.sync_run import perform_here
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.sync.events import Event

    prepare_marketing(crm_url)
    store_token(token)
    run = perform_here(Bridge.objects.get(name=BRIDGE_NAME), Event.REFRESH_BRIDGE_CONFIGURATION)
    assert run.status == "completed", run.message
    return {}


def sync(crm: int, postgres: int, profile: str = "", **_: Any) -> dict[str, Any]:
    """The audience sync of the list, all of it pulled, from the run's creation to its commit: counts and cost.

    `profile`: a file for cProfile's figures.
    """
    with measured(crm, postgres) as cost, floors.profiled(profile):
        run = _syncing()(force_full=True)
    return {"cost": cost.document(), "run": run.pk, **_counts(run)}


def _syncing() -> Callable[..., Any]:
    """What syncs the list in this process, everything imported that a worker has imported at its first sync."""
    from rollkeeper.cli.database import set_up

    set_up("marketing")
    import rollkeeper.connectors.rollkeeper_crm
    import rollkeeper.marketing.bridges.secret
    import rollkeeper.marketing.sync_runs.perform  # noqa: F401
    from rollkeeper.cli import sync_run
    from rollkeeper.marketing.target_groups.models import TargetGroup
    from rollkeeper.sync.events import Event

    group = TargetGroup.objects.select_related("bridge").get(code=LIST)

    def perform(**options: Any) -> Any:
        run = sync_run.perform_here(group.bridge, Event.RESYNC_COUNT_DETAILS, group=group, **options)
        assert run.status == "completed", run.message
        assert run.identical, "The target group is not identical to the CRM's list."
        return run

    return perform


def _counts(run: Any) -> dict[str, Any]:
    from rollkeeper.cli.sync_run import COUNTS

    return {name: getattr(run, name) for name in (*COUNTS, "mode")}


def sync_unchanged(crm: int, postgres: int, crm_url: str, token: str, times: int) -> dict[str, Any]:
    """In a worker that has run before: syncs with nothing changed, each beside the bare request."""
    perform = _syncing()
    ours, bare = [], []
    for turn in range(times + WARM):
        with measured(crm, postgres) as cost:
            run = perform()
        assert run.mode == "unchanged", run.mode
        with measured(crm, postgres) as least:
            floors.ask_for_changes(crm_url, token, LIST, floors.change_token(LIST))
        if turn >= WARM:
            ours.append(cost.document())
            bare.append(least.document())
    return {"costs": ours, "floors": bare, **_counts(run)}


def sync_changed(
    crm: int, postgres: int, ready: str, wanted: int, times: int, turn: int, **_: Any
) -> dict[str, Any]:
    """In a worker that has run before: syncs after so many changes, each beside hand-written SQL."""
    perform = _syncing()
    perform()
    ours, least = [], []
    for number in range(times + 1):  # the first one warms up
        floors.change_constituents(turn + number, wanted)
        errand("refresh")
        floors.settle()
        with measured(crm, postgres) as cost:
            run = perform()
        assert run.mode == "delta", run.mode
        assert run.updated > 0
        floors.put_changes_ready(Path(ready), run.pk)
        floors.settle()
        with measured(crm, postgres) as floor:
            floors.apply_changes(ready)
        if number:
            ours.append(cost.document())
            least.append(floor.document())
    return {"costs": ours, "floors": least, **_counts(run)}


def sync_small(crm: int, postgres: int, times: int, **_: Any) -> dict[str, Any]:
    """In a worker that has run before: one member in a hundred changed, the CRM's rebuilding included."""
    perform = _syncing()
    costs = []
    for turn in range(times + WARM):
        floors.change_constituents(turn)
        with measured(crm, postgres) as cost:
            run = perform()
        if turn >= WARM:
            costs.append(cost.document())
    return {"costs": costs, **_counts(run)}


def regenerate(crm: int, postgres: int, **_: Any) -> dict[str, Any]:
    """The regeneration of the filtered list."""
    from rollkeeper.cli.database import set_up

    set_up("crm")
    from rollkeeper.crm.lists.models import MarketingList
    from rollkeeper.crm.lists.regenerate import regenerate as regenerate_list

    found = MarketingList.objects.get(code=FILTERED)
    with measured(crm, postgres) as cost:
        done = regenerate_list(found.pk)
    return {"cost": cost.document(), "version": done.version, "changes": done.added + done.removed}


def floor_of_regenerate(crm: int, postgres: int, version: int, **_: Any) -> dict[str, Any]:
    """Its floor: the bare filter, and the same changes written to a copy of the table."""
    from rollkeeper.cli.database import set_up

    set_up("crm")
    from django.utils import timezone

    from rollkeeper.crm.lists.rules.attributes import every_name_an_attribute
    from rollkeeper.crm.lists.rules.selection import select_by_rule

    chosen = select_by_rule(_members_in_good_standing(), every_name_an_attribute(), timezone.localdate())
    floors.put_changes_of_list_ready(version)
    with measured(crm, postgres) as cost:
        floors.filter_and_write(chosen.sql, chosen.parameters)
    return {"cost": cost.document()}


def floor_of_first(crm: int, postgres: int, crm_url: str, token: str, ready: str) -> dict[str, Any]:
    with measured(crm, postgres) as cost:
        received = floors.download(crm_url, token, LIST)
        floors.load(ready)
    return {"cost": cost.document(), "bytes": received}


def floor_of_unchanged(crm: int, postgres: int, crm_url: str, token: str) -> dict[str, Any]:
    with measured(crm, postgres) as cost:
        received = floors.read_members(crm_url, token, LIST)
        stored = floors.read_stored(LIST)
    return {"cost": cost.document(), "received": received, "stored": stored}


def floor_of_changed(crm: int, postgres: int, crm_url: str, token: str, ready: str) -> dict[str, Any]:
    with measured(crm, postgres) as cost:
        received = floors.read_members(crm_url, token, LIST)
        floors.read_stored(LIST)
        floors.apply_changes(ready)
    return {"cost": cost.document(), "received": received}


ERRANDS = {
    each.__name__: each
    for each in (
        fill_crm, join_sites, refresh, sync, sync_unchanged, sync_changed, sync_small, regenerate,
        floor_of_regenerate, floor_of_first, floor_of_unchanged, floor_of_changed,
    )
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(ERRANDS[sys.argv[1]](**json.load(sys.stdin))))
