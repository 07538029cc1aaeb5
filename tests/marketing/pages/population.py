"""People, target groups and runs for the page tests, made by SQL in realistic proportions.

One in ten has no address, one in fifty a malformed one, one in twenty-five shares one, one in eight may not be
mailed by the CRM's flags, one in a hundred opted out here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.bridges.secret import conceal
from rollkeeper.marketing.previews.models import Preview, PreviewRow
from rollkeeper.marketing.sync_runs.models import HeldRemoval, RunChange, SetAsideRow, SyncRun
from rollkeeper.marketing.target_groups import funnel
from rollkeeper.marketing.target_groups.models import TargetGroup

PEOPLE = """
INSERT INTO subscriber (bridge_id, master_customer_id, sub_customer_id, email, first_name, last_name, allow_email,
    denied_by, address_valid, unsubscribed_at, bounced_at, hash_hi, hash_lo, revision, first_run, last_run, f1, f2)
SELECT %(bridge)s, lpad(n::text, 12, '0'), '0',
    CASE WHEN n %% 10 = 0 THEN NULL WHEN n %% 50 = 1 THEN 'not an address'
         WHEN n %% 25 = 2 THEN 'household' || n / 100 || '@example.org'
         ELSE 'person' || n || '@example.org' END,
    CASE WHEN n %% 97 = 3 THEN NULL ELSE (ARRAY['Ada','Grace','José','Zoë','Amélie','Сергей','愛','Noor'])[1 + n %% 8] END,
    (ARRAY['Lovelace','Hopper','García','Ångström','Müller','Иванов','山田','Haddad','O''Neill','Smith'])[1 + n / 7 %% 10],
    n %% 8 <> 5, CASE WHEN n %% 8 = 5 THEN (ARRAY['allow_solicitation','allow_email','do_not_solicit'])[1 + n %% 3] END,
    n %% 10 <> 0 AND n %% 50 <> 1,
    CASE WHEN n %% 100 = 7 THEN now() - interval '9 days' END, CASE WHEN n %% 200 = 9 THEN now() - interval '3 days' END,
    n, n * 7, 1, %(run)s, %(run)s, (ARRAY['Gold','Silver','Student'])[1 + n %% 3],
    CASE WHEN n %% 4 > 0 THEN '2027-0' || 1 + n %% 9 || '-01' END
FROM generate_series(1, %(people)s) AS n
"""

MEMBERS = """
INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo, since_run)
SELECT %(group)s, master_customer_id, sub_customer_id, id, hash_hi, hash_lo, %(run)s
FROM subscriber WHERE bridge_id = %(bridge)s AND master_customer_id::bigint %% %(every)s = 0
"""


HELD = 100  # removals held of `held`, at most
SET_ASIDE = [("no_permission", f"{number:012d}") for number in range(1, 131)] + [("no_customer_id", None)]


@dataclass(frozen=True)
class Population:
    """What was made. `gold` is synced and identical; `held` has held removals, rows set aside and an
    alarm; `missing` is gone from the CRM. `preview` is of a sync of `gold`, with everything in it."""

    bridge: Bridge
    gold: TargetGroup
    held: TargetGroup
    missing: TargetGroup
    never_synced: TargetGroup
    first_run: SyncRun
    changing_run: SyncRun
    failed_run: SyncRun
    held_run: SyncRun
    preview: Preview


def make_bridge(url: str = "http://127.0.0.1:9/odata/") -> Bridge:
    return Bridge.objects.create(
        name="Personify360",
        connector="rollkeeper_crm",
        url=url,
        secret=conceal("a secret token"),
        catalog_synced_at=timezone.now() - timedelta(minutes=3),
    )


def populate(people: int = 400, groups: int = 60) -> Population:
    """A bridge with people, target groups in every state, and runs of every outcome."""
    now = timezone.now()
    bridge = make_bridge()
    for position, (name, label, kind) in enumerate(
        [("MembershipLevel", "Membership level", "text"), ("ExpiryDate", "Expiry date", "date")]
    ):
        PersonalizationField.objects.create(
            bridge=bridge, name=name, label=label, type=kind, position=position, slot=position + 1, default="friend"
        )
    gold = _group(bridge, "GOLD", "Gold members, all chapters", now)
    held = _group(bridge, "LAPSED", "Lapsed in the last year", now)
    missing = _group(
        bridge,
        "OLDEVENT",
        "Spring congress 2019",
        now,
        missing_at_source=True,
        missing_since=now - timedelta(days=2),
    )
    never = _group(bridge, "NEWBIES", "New members this month", now)
    for number in range(groups):
        _group(bridge, f"LIST{number:04d}", f"Chapter list number {number}", now)
    first_run = _run(bridge, gold, now - timedelta(days=2), added=people, received=people, all_added=True)
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"bridge": bridge.pk, "run": first_run.pk, "people": people})
        for group, every in ((gold, 1), (held, 3), (missing, 11)):
            values = {"bridge": bridge.pk, "group": group.pk, "run": first_run.pk, "every": every}
            cursor.execute(MEMBERS, values)
        cursor.execute("ANALYZE subscriber; ANALYZE group_member")
    for group in (gold, held, missing):
        _settle(group, now)
    changing_run = _changing_run(bridge, gold, now)
    held_run = _hold(bridge, held, now)
    failed_run = _failed_run(bridge, never, now)
    preview = make_preview(gold)
    return Population(bridge, gold, held, missing, never, first_run, changing_run, failed_run, held_run, preview)


def _group(bridge: Bridge, code: str, name: str, now: datetime, **more: object) -> TargetGroup:
    return TargetGroup.objects.create(
        bridge=bridge,
        code=code,
        name=name,
        frequency="DAILY",
        list_members=1_234,
        list_regenerated_at=now - timedelta(hours=9),
        **more,
    )


def _settle(group: TargetGroup, now: datetime) -> None:
    connection.ensure_connection()
    funnel.store_recount(connection.connection, group.pk)
    TargetGroup.objects.filter(pk=group.pk).update(
        synced_at=now - timedelta(hours=1),
        synced_list_as_of=now - timedelta(hours=9),
        verified_at=now - timedelta(hours=1),
        fingerprint="4f1c2a7be0d94c6f8a3b5e7d9c1f2a4b",
        crm_fingerprint="4f1c2a7be0d94c6f8a3b5e7d9c1f2a4b",
    )
    group.refresh_from_db()
    TargetGroup.objects.filter(pk=group.pk).update(list_members=group.count_members)
    group.refresh_from_db()


def _run(bridge: Bridge, group: TargetGroup | None, when: datetime, **more: object) -> SyncRun:
    values: dict[str, object] = {
        "kind": "audience" if group else "catalog",
        "event": "resync_count_details" if group else "refresh_target_groups",
        "status": SyncRun.Status.COMPLETED,
        "requested_by": "ada",
        "requested_at": when,
        "started_at": when + timedelta(seconds=1),
        "finished_at": when + timedelta(seconds=4.2),
        "attempt": 1,
        "mode": "full" if group else "",
        "list_as_of": when - timedelta(hours=9) if group else None,
        "crm_fingerprint": "4f1c2a7be0d94c6f8a3b5e7d9c1f2a4b" if group else "",
        "stored_fingerprint": "4f1c2a7be0d94c6f8a3b5e7d9c1f2a4b" if group else "",
    }
    return SyncRun.objects.create(bridge=bridge, group=group, **{**values, **more})


def _changing_run(bridge: Bridge, group: TargetGroup, now: datetime) -> SyncRun:
    _run(bridge, None, now - timedelta(hours=3), message="64 lists and 2 fields.")
    run = _run(
        bridge, group, now - timedelta(hours=1), received=group.count_members, added=1, updated=130, removed=1,
        unchanged=group.count_members - 133, set_aside=2, unsubscribed=130, members=group.count_members,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO run_change (run_id, group_id, subscriber_id, master_customer_id, sub_customer_id, change, "
            "status_before, status_after, before) SELECT %s, %s, id, master_customer_id, sub_customer_id, 'updated', "
            '\'Subscribed\', status, \'{"allow_email": true, "email": "old@example.org", "MembershipLevel": null}\' '
            "FROM subscriber WHERE bridge_id = %s ORDER BY id LIMIT 130",
            [run.pk, group.pk, bridge.pk],
        )
    for change, before in ((RunChange.Change.ADDED, None), (RunChange.Change.REMOVED, "Subscribed")):
        RunChange.objects.create(
            run=run, group_id=group.pk, subscriber_id=-1, master_customer_id="000000999999", sub_customer_id="0",
            change=change, status_before=before, status_after="Subscribed",
        )  # fmt: skip
    for reason, master in (("no_customer_id", None), ("duplicate_customer_id", "=cmd()")):
        SetAsideRow.objects.create(
            run=run, group=group, kind="invalid", reason=reason, master_customer_id=master, sub_customer_id="0",
            row={"master_customer_id": master, "email": "someone@example.org", "first_name": "Someone"},
            since_run=run.pk,
        )  # fmt: skip
    TargetGroup.objects.filter(pk=group.pk).update(applied_run=run.pk)
    group.refresh_from_db()
    return run


def _hold(bridge: Bridge, group: TargetGroup, now: datetime) -> SyncRun:
    members = list(group.groupmember_set.order_by("master_customer_id")[:HELD])
    run = _run(
        bridge, group, now - timedelta(minutes=50), status=SyncRun.Status.HELD, held=len(members),
        message=f"The sync would remove {len(members)} of 133 members (75%); up to 19 may leave at once.",
        received=33 + len(SET_ASIDE), unchanged=33, set_aside=len(SET_ASIDE), stored_fingerprint="a" * 32,
        alarm="The CRM's flag unsubscribed 60 of 133 members (45%) in one sync. They get no mail.",
    )  # fmt: skip
    SetAsideRow.objects.bulk_create(
        SetAsideRow(
            run=run, group=group, kind="invalid", reason=reason, master_customer_id=master, sub_customer_id="0",
            row={"master_customer_id": master, "email": "someone@example.org"}, since_run=run.pk,
        )
        for reason, master in SET_ASIDE
    )  # fmt: skip
    HeldRemoval.objects.bulk_create(
        HeldRemoval(
            group=group, run=run, subscriber_id=member.subscriber_id, reason="deleted" if place == 1 else "left",
            master_customer_id=member.master_customer_id, sub_customer_id=member.sub_customer_id,
        )
        for place, member in enumerate(members)
    )  # fmt: skip
    TargetGroup.objects.filter(pk=group.pk).update(
        count_held=len(members), held_since=now - timedelta(days=1), fingerprint="a" * 32, applied_run=run.pk
    )
    group.refresh_from_db()
    return run


def make_preview(group: TargetGroup, people: int = 60) -> Preview:
    """A preview that is ready, with people of every kind."""
    now = timezone.now()
    counts = dict.fromkeys(("added", "updated", "removed", "set_aside", "unsubscribed", "resubscribed"), people)
    preview = Preview.objects.create(
        bridge=group.bridge, group=group, status=Preview.Status.READY, requested_by="ada", mode="full",
        started_at=now, finished_at=now, list_as_of=now - timedelta(hours=9), list_version="7",
        crm_fingerprint="4f1c2a7be0d94c6f8a3b5e7d9c1f2a4b", group_fingerprint=group.fingerprint, removal_share=15,
        removal_floor=10, received=300, unchanged=300 - 3 * people, members=group.count_members, **counts,
    )  # fmt: skip
    changes = json.dumps({"email": ["old@example.org", "new@example.org"], "MembershipLevel": [None, "Gold"]})
    rows = []
    for kind in ("added", "updated", "removed", "set_aside"):
        for number in range(people):
            known = kind != "added"
            rows.append(
                PreviewRow(
                    preview=preview, kind=kind, subscriber_id=1 if known else None,
                    master_customer_id=f"{number:012d}", sub_customer_id="0", first_name="Zoë", last_name="Ångström",
                    email=f"person{number}@example.org", status_before="Subscribed" if known else None,
                    status_after="Unsubscribed from remote system" if kind == "updated" else "Subscribed",
                    changes=changes if kind == "updated" else None, row='{"email": "x"}' if kind == "set_aside" else None,
                    flag="unsubscribed" if kind == "updated" else "resubscribed" if kind == "added" else None,
                    reason={"set_aside": "no_permission", "removed": "left"}.get(kind),
                )
            )  # fmt: skip
    PreviewRow.objects.bulk_create(rows)
    return preview


def _failed_run(bridge: Bridge, group: TargetGroup, now: datetime) -> SyncRun:
    return _run(
        bridge, group, now - timedelta(minutes=20), status=SyncRun.Status.FAILED, mode="", error_kind="source",
        message="The CRM did not answer within 30 seconds. Is it running? Nothing was changed; try again when it is.",
        list_as_of=None, crm_fingerprint="", stored_fingerprint="", event="overnight", requested_by="the schedule",
    )  # fmt: skip
