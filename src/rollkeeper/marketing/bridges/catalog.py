"""The catalog sync: lists become target groups, the personalization view the bridge's fields (S16, S19, S25).

Members and counts stay as they are.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from rollkeeper.marketing.bridges.models import SLOTS, Bridge, PersonalizationField, WithdrawnField
from rollkeeper.marketing.target_groups import fingerprints
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Catalog, CatalogList, SourceNonsense
from rollkeeper.sync.member import Field


@transaction.atomic
def store_catalog(bridge: Bridge, catalog: Catalog, now: datetime) -> None:
    """Make the bridge's target groups and fields those of the CRM's catalog."""
    Bridge.objects.select_for_update(no_key=True).get(pk=bridge.pk)
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


@transaction.atomic
def store_fields(bridge: Bridge, fields: tuple[Field, ...]) -> None:
    """Make the bridge's fields those of the view, in its order. Defaults and comments of those that stay, stay.

    A field that went leaves its slot as it is, and finds its values there when it comes back.
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
    Bridge.objects.select_for_update(no_key=True).get(pk=bridge.pk)
    existing = {field.name: field for field in PersonalizationField.objects.filter(bridge=bridge)}
    slots = _slots(bridge, names)
    _withdraw(bridge, [field for name, field in existing.items() if name not in names])
    for position, field in enumerate(fields):
        known = existing.get(field.name)
        wanted = (field.label, field.type, position)
        if known is None:
            _take_slot(bridge, field.name, slots[field.name])
            PersonalizationField.objects.create(
                bridge=bridge, name=field.name, label=field.label, type=field.type, position=position,
                slot=slots[field.name],
            )  # fmt: skip
        elif (known.label, known.type, known.position) != wanted:
            known.label, known.type, known.position = wanted
            known.save(update_fields=["label", "type", "position"])


def _slots(bridge: Bridge, names: list[str]) -> dict[str, int]:
    """A slot for each name: the one it has or had, else one that no name had, else that of whoever went first."""
    current = dict(PersonalizationField.objects.filter(bridge=bridge).values_list("name", "slot"))
    withdrawn = dict(WithdrawnField.objects.filter(bridge=bridge).values_list("name", "slot"))
    held = withdrawn | current
    never_used = sorted(set(range(1, SLOTS + 1)) - set(held.values()))
    free = iter([*never_used, *(slot for name, slot in held.items() if name not in names)])
    return {name: held[name] if name in held else next(free) for name in names}


def _withdraw(bridge: Bridge, fields: list[PersonalizationField]) -> None:
    PersonalizationField.objects.filter(pk__in=[field.pk for field in fields]).delete()
    WithdrawnField.objects.bulk_create(
        WithdrawnField(bridge=bridge, name=field.name, slot=field.slot) for field in fields
    )


def _take_slot(bridge: Bridge, name: str, slot: int) -> None:
    """Give a slot to a field. Values that another name left there are forgotten, and their rows with them."""
    if WithdrawnField.objects.filter(bridge=bridge, slot=slot).exclude(name=name).exists():
        _forget(bridge, f"f{slot}")
    WithdrawnField.objects.filter(bridge=bridge, slot=slot).delete()


def _forget(bridge: Bridge, column: str) -> None:
    """Empty a slot. Rows that had a value there get a hash that none has, so that the next sync writes them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE subscriber SET {column} = NULL, hash_hi = 0, hash_lo = 0 "  # noqa: S608  # f1 … f100
            f"WHERE bridge_id = %s AND {column} IS NOT NULL",
            [bridge.pk],
        )
        cursor.execute(
            "UPDATE group_member m SET hash_hi = 0, hash_lo = 0 FROM subscriber s WHERE s.id = m.subscriber_id "
            "AND s.bridge_id = %s AND (s.hash_hi, s.hash_lo) = (0, 0)",
            [bridge.pk],
        )
        for group in TargetGroup.objects.filter(bridge=bridge):
            group.fingerprint = fingerprints.recomputed(connection.connection, group.pk)
            group.save(update_fields=["fingerprint"])
    Bridge.objects.filter(pk=bridge.pk).update(revision=F("revision") + 1)  # a plan made before is made again


def bridge_fields(bridge: Bridge) -> tuple[Field, ...]:
    """The bridge's fields as the engine knows them, in the view's order."""
    return tuple(
        Field(field.name, field.label, field.type)
        for field in PersonalizationField.objects.filter(bridge=bridge).order_by("position", "id")
    )


def slot_columns(bridge: Bridge, fields: tuple[Field, ...]) -> dict[str, str]:
    """Field name → column of `subscriber`, in the view's order; for fields not stored yet, where they would go."""
    return {name: f"f{slot}" for name, slot in _slots(bridge, [field.name for field in fields]).items()}
