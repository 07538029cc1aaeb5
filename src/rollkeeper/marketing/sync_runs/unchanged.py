"""A sync that finds nothing changed: one request, and two rows written, whatever the list's size (B2).

Nobody comes, changes or leaves, so neither the bridge's lock nor the guard is needed. What the CRM keeps of its
list is compared with what is kept of the group, as after every sync (B1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from rollkeeper.marketing.subscribers.store import Applied, Overtaken, bridge_revision
from rollkeeper.marketing.sync_runs import record
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.proof import NOTHING, Before, concluded, is_proved
from rollkeeper.sync.connector import Mode
from rollkeeper.sync.defect import Excess
from rollkeeper.sync.download import Arriving
from rollkeeper.sync.plan import Kept, Verdict
from rollkeeper.sync.run import plan

_KEPT = """
SELECT count_members, fingerprint, crm_fingerprint, crm_excess FROM target_group
WHERE id = %s AND count_held = 0 FOR NO KEY UPDATE
"""


def met_unchanged(
    run: SyncRun, connection: psycopg.Connection[Any], source: Arriving, pull_revision: int, folder: Path
) -> bool:
    """Record that the group is what its list is, where nothing changed and that is all; else False: it has to be
    looked at as any pull (removals are held, a preview is to be applied, or the proof does not hold).

    Raises `Overtaken` where it does not hold because another sync wrote since the pull began, or `Fenced`.
    """
    if source.mode is not Mode.UNCHANGED or run.preview_id is not None:
        return False
    source.whole()
    with connection.transaction():
        row = connection.execute(_KEPT, [run.group_id]).fetchone()
        if row is None:
            return False
        members, fingerprint, crm_fingerprint, crm_excess = row
        # Read once the group is ours: who wrote its people before has committed, and counts in the revision (B6).
        revision = bridge_revision(connection, run.bridge_id)
        state = Before(False, crm_fingerprint, Excess.read(crm_excess))
        made = plan(source, iter(()), folder, Kept(members, int(fingerprint, 16)))
        if not is_proved(made, state.excess):
            if revision != pull_revision:
                raise Overtaken
            return False
        verdict = Verdict(0, "")
        defect = concluded(made, verdict, NOTHING, state)
        met = Applied(revision, members, 0, 0, all_added=False)
        record.applied(connection, run, made, met, verdict, alarm="", defect=defect, words="")
    return True
