"""Why is someone in a list, or not: as of the last build, and as the definition would choose now (B5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import (
    DefinitionKind,
    ListMember,
    ListPart,
    ListVersion,
    ManualMember,
    MarketingList,
)
from rollkeeper.crm.lists.rules.attributes import every_name_an_attribute
from rollkeeper.crm.lists.rules.explain import Verdict, explain
from rollkeeper.crm.lists.rules.selection import MERGED
from rollkeeper.crm.lists.sql_wall import is_chosen_by_sql


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in the list: from version `came` until `went` (None: still in), with the time of each."""

    came: int
    came_at: datetime | None
    went: int | None
    went_at: datetime | None


@dataclass(frozen=True, slots=True)
class Why:
    """`stays`: newest first. `steps`: what the definition says now, one after the other.

    `by_hand`: a person's decision, which overrules the steps.
    `chosen_now` None: the definition cannot be asked; the last step says why.
    """

    is_member: bool
    stays: tuple[Stay, ...]
    chosen_now: bool | None
    steps: tuple[Verdict, ...]
    by_hand: ManualMember | None = None

    @property
    def will_change(self) -> bool:
        return self.chosen_now is not None and self.chosen_now is not self.is_member


def why(marketing_list: MarketingList, person: Constituent, today: date) -> Why:
    """In or out, and each step of the reason: membership as last built (S15), the steps as of this moment."""
    stays = _stays(marketing_list, person)
    is_member = any(stay.went is None for stay in stays)
    by_hand = ManualMember.objects.filter(list=marketing_list, constituent=person).first()
    try:
        steps = _steps(marketing_list, person, today)
    except ListRefused as refusal:
        return Why(is_member, stays, None, (Verdict(str(refusal), holds=False, is_group=False),), by_hand)
    chosen = all(step.holds for step in steps)
    if by_hand is not None:
        chosen = by_hand.is_in and person.status != MERGED
    return Why(is_member, stays, chosen, steps, by_hand)


def _stays(marketing_list: MarketingList, person: Constituent) -> tuple[Stay, ...]:
    rows = list(ListMember.objects.filter(list=marketing_list, constituent=person).order_by("-came"))
    numbers = {row.came for row in rows} | {row.went for row in rows if row.went is not None}
    versions = ListVersion.objects.filter(list=marketing_list, number__in=numbers)
    at = dict(versions.values_list("number", "regenerated_at"))
    return tuple(
        Stay(row.came, at.get(row.came), row.went, None if row.went is None else at.get(row.went)) for row in rows
    )


def _steps(marketing_list: MarketingList, person: Constituent, today: date) -> tuple[Verdict, ...]:
    match marketing_list.kind:
        case DefinitionKind.RULE:
            return (_not_merged(person), *_by_rule(marketing_list, person, today))
        case DefinitionKind.SQL:
            chosen = is_chosen_by_sql(marketing_list.sql, person.master_customer_id, person.sub_customer_id)
            return (_fact("The query gives this customer id.", chosen),)
        case DefinitionKind.IDS:
            imported = marketing_list.imported_ids.filter(
                master_customer_id=person.master_customer_id, sub_customer_id=person.sub_customer_id
            )
            return (_fact("The customer id is among the imported ones.", imported.exists()),)
        case DefinitionKind.MERGE:
            return _by_parts(marketing_list, person)
        case unknown:
            raise ListRefused(f"The list {marketing_list.code} has a definition of no known kind: {unknown!r}.")


def _by_rule(marketing_list: MarketingList, person: Constituent, today: date) -> tuple[Verdict, ...]:
    if marketing_list.rule is None:
        raise ListRefused("The list has no rule. Give it one under Change definition.")
    verdict = explain(marketing_list.rule, every_name_an_attribute(), today, person.pk)
    return () if verdict is None else (verdict,)


def _by_parts(marketing_list: MarketingList, person: Constituent) -> tuple[Verdict, ...]:
    """Of each list that goes in, and of each that is kept out, whether the person is in it as last built."""
    inside = set(
        ListMember.objects.filter(constituent=person, went__isnull=True, list__part_of__list=marketing_list)
        .values_list("list_id", flat=True)
    )  # fmt: skip
    rows = ListPart.objects.filter(list=marketing_list).select_related("part").order_by("part__code")
    said = {
        role: tuple(
            _fact(f"In {row.part.code} as last built.", row.part_id in inside) for row in rows if row.role == role
        )
        for role in ListPart.Role
    }
    combined, excluded = said[ListPart.Role.COMBINED], said[ListPart.Role.EXCLUDED]
    into = Verdict(
        "In at least one of the lists that go in:", any(e.holds for e in combined), is_group=True, parts=combined
    )
    if not excluded:
        return (into,)
    out = Verdict(
        "In none of the lists that are kept out:", not any(e.holds for e in excluded), is_group=True, parts=excluded
    )
    return (into, out)


def _not_merged(person: Constituent) -> Verdict:
    text = "The record was not merged into another one (its status is not DUPLICATE)."
    return Verdict(text, person.status != MERGED, is_group=False, value=person.status)


def _fact(text: str, holds: bool) -> Verdict:
    return Verdict(text, holds, is_group=False)
