"""The addresses of the guard's pages; each site path is included where its subject is."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.guard import pages

of_bridges = [path("<int:bridge_id>/guard/", pages.bridge_limits, name="bridge-limits")]
of_groups = [
    path("<int:group_id>/guard/", pages.group_limits, name="group-limits"),
    path("<int:group_id>/held/", pages.held_removals, name="held-removals"),
    path("<int:group_id>/held/approve/", pages.approve, name="held-approve"),
    path("<int:group_id>/held/discard/", pages.discard, name="held-discard"),
    path("<int:group_id>/held.csv", pages.held_csv, name="held-csv"),
]
of_runs = [path("<int:run_id>/alarm-seen/", pages.alarm_seen, name="alarm-seen")]
