"""The catalog sync: lists become target groups, the personalization view the bridge's fields (S16, S19, S25).

Members and counts stay as they are.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from rollkeeper.marketing.bridges.models import SLOTS, Bridge, PersonalizationField
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Catalog, CatalogList, SourceNonsense
from rollkeeper.sync.member import Field


@transaction.atomic
def store_catalog(bridge: Bridge, catalog: Catalog, now: datetime) -> None:
    """Make the bridge's target groups and fields those of the CRM's catalog."""
    Bridge.objects.select_for_update().get(pk=bridge.pk)
    store_fields(bridge, catalog.fields)
    _store_groups(bridge, catalog.lists)
    Bridge.objects.filter(pk=bridge.pk).update(catalog_synced_at=now)


def _store_groups(bridge: Bridge, lists: tuple[CatalogList, ...]) -> None:
    """One target group a list. A list that is gone leaves its group, marked missing at source (S29)."""
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
        }
        if group is None:
            new.append(TargetGroup(bridge=bridge, code=entry.code, **values))
        elif any(getattr(group, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(group, name, value)
            changed.append(group)
    TargetGroup.objects.bulk_create(new, batch_size=1000)
    TargetGroup.objects.bulk_update(
        changed, ["name", "frequency", "list_members", "list_regenerated_at", "missing_at_source"], batch_size=500
    )
    gone = [group.pk for group in existing.values() if not group.missing_at_source]
    TargetGroup.objects.filter(pk__in=gone).update(missing_at_source=True)


def store_fields(bridge: Bridge, fields: tuple[Field, ...]) -> None:
    """Make the bridge's fields those of the view, in its order. Defaults and comments of those that stay, stay.

    Raises `SourceNonsense` for a view that cannot be held: too many fields, or a name twice.
    """
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        raise SourceNonsense("The CRM's personalization view names a field twice. Nothing was changed.")
    if len(names) > SLOTS:
        raise SourceNonsense(
            f"The CRM's personalization view has {len(names)} fields; at most {SLOTS} can be held. "
            "Take some out of the view in the CRM. Nothing was changed."
        )
    existing = {field.name: field for field in PersonalizationField.objects.filter(bridge=bridge)}
    PersonalizationField.objects.filter(bridge=bridge).exclude(name__in=names).delete()
    slots = _slots(existing, names)
    for position, field in enumerate(fields):
        known = existing.get(field.name)
        wanted = (field.label, field.type, position)
        if known is None:
            slot = slots[field.name]
            _clear_slot(bridge, slot)
            PersonalizationField.objects.create(
                bridge=bridge, name=field.name, label=field.label, type=field.type, position=position, slot=slot
            )
        elif (known.label, known.type, known.position) != wanted:
            known.label, known.type, known.position = wanted
            known.save(update_fields=["label", "type", "position"])


def _slots(existing: dict[str, PersonalizationField], names: list[str]) -> dict[str, int]:
    """A slot for each name: its own where it has one, else one that no name has."""
    taken = {name: existing[name].slot for name in names if name in existing}
    free = iter(sorted(set(range(1, SLOTS + 1)) - set(taken.values())))
    return {name: taken[name] if name in taken else next(free) for name in names}


def _clear_slot(bridge: Bridge, slot: int) -> None:
    """Values of a field that was there before must not show under the new field's name."""
    column = f"f{slot}"
    Subscriber.objects.filter(bridge=bridge, **{f"{column}__isnull": False}).update(**{column: None})


def bridge_fields(bridge: Bridge) -> tuple[Field, ...]:
    """The bridge's fields as the engine knows them, in the view's order."""
    return tuple(
        Field(field.name, field.label, field.type)
        for field in PersonalizationField.objects.filter(bridge=bridge).order_by("position", "id")
    )


def slot_columns(bridge: Bridge, fields: tuple[Field, ...]) -> dict[str, str]:
    """Field name → column of `subscriber`, in the view's order; for fields not stored yet, where they would go."""
    existing = {field.name: field for field in PersonalizationField.objects.filter(bridge=bridge)}
    return {name: f"f{slot}" for name, slot in _slots(existing, [field.name for field in fields]).items()}
