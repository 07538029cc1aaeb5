"""The syncs that a new installation starts with, so that its pages show people and not emptiness."""

from __future__ import annotations

from collections.abc import Callable

from rollkeeper.cli import preparation, sync_run
from rollkeeper.cli.frame import Exit


def sync_for_the_first_time(lists: bool, say: Callable[[str], None]) -> tuple[Exit, dict[str, int]]:
    """What was never synced of the bundled bridge: its catalog and, with `lists`, each list that has been built.

    Returns the worst exit code of the runs, and how many runs there were of each status.
    """
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.target_groups.models import TargetGroup
    from rollkeeper.sync.events import Event

    bridge = Bridge.objects.get(name=preparation.BRIDGE_NAME)
    ended = []
    if bridge.catalog_synced_at is None or lists:
        ended.append(sync_run.perform_here(bridge, Event.REFRESH_BRIDGE_CONFIGURATION))
    if lists:
        groups = TargetGroup.objects.select_related("bridge").filter(
            bridge=bridge, synced_at=None, list_regenerated_at__isnull=False, missing_at_source=False
        )
        say(f"Syncing {len(groups)} target groups for the first time …")
        for done, group in enumerate(groups):
            if done and done % preparation.TOLD_EVERY == 0:
                say(f"{done} of {len(groups)} target groups are synced …")
            ended.append(sync_run.perform_here(bridge, Event.RESYNC_COUNT_DETAILS, group=group))
    code = max((sync_run.exit_code(run) for run in ended), default=Exit.DONE)
    if code is Exit.DONE and lists:
        preparation.sample_mark().unlink(missing_ok=True)
    for run in ended:
        if sync_run.exit_code(run) is not Exit.DONE:
            say(f"{run.group.code if run.group else run.bridge.name}: {run.message}{sync_run.hint(run)}")
    statuses = [run.status for run in ended]
    return code, {status: statuses.count(status) for status in dict.fromkeys(statuses)}
