"""The catalog sync: lists become target groups, the personalization view the bridge's fields (S16, S19, S25).

Members and counts stay as they are.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from rollkeeper.marketing.bridges.fields import store_fields
from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Catalog, CatalogList


@transaction.atomic
def store_catalog(bridge: Bridge, catalog: Catalog, now: datetime) -> None:
    """Make the bridge's target groups and fields those of the CRM's catalog."""
    Bridge.objects.select_for_update(no_key=True).get(pk=bridge.pk)
    store_fields(connection.connection, bridge.pk, catalog.fields)
    _store_groups(bridge, catalog.lists, now)
    Bridge.objects.filter(pk=bridge.pk).update(catalog_synced_at=now)


def _store_groups(bridge: Bridge, lists: tuple[CatalogList, ...], now: datetime) -> None:
    """One target group a list. A list that is gone leaves its group, marked missing at source (S29).

    One that comes back finds its group again, by its code.
    """
    existing = {group.code: group for group in TargetGroup.objects.filter(bridge=bridge)}
    new, changed = [], []
    for entry in lists:
        group = existing.pop(entry.code, None)
        values = {
            "name": entry.name,
            "frequency": entry.frequency,
            "list_members": entry.members,
            "list_regenerated_at": entry.regenerated_at,
            "missing_at_source": False,
            "missing_since": None,
        }
        if group is None:
            new.append(TargetGroup(bridge=bridge, code=entry.code, **values))
        elif any(getattr(group, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(group, name, value)
            changed.append(group)
    TargetGroup.objects.bulk_create(new, batch_size=1000)
    TargetGroup.objects.bulk_update(
        changed,
        ["name", "frequency", "list_members", "list_regenerated_at", "missing_at_source", "missing_since"],
        batch_size=500,
    )
    gone = [group.pk for group in existing.values() if not group.missing_at_source]
    TargetGroup.objects.filter(pk__in=gone).update(missing_at_source=True, missing_since=now)
