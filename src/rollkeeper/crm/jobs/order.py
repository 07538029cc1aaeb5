"""In which order a run takes its lists: whatever a list is made of comes before the list itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rollkeeper.crm.lists.models import MarketingList

NO_PARTS: Mapping[int, frozenset[int]] = {}


def in_build_order(
    lists: Iterable[MarketingList], parts: Mapping[int, frozenset[int]] = NO_PARTS
) -> list[MarketingList]:
    """The lists by code, but each after those of its parts that are among them.

    `parts`: the id of a list that other lists go into (a merge) → their ids. Parts that are not in the run are as
    they were last regenerated. Where lists go into one another in a circle, they come by code.
    """
    waiting = {each.pk: each for each in sorted(lists, key=lambda each: each.code)}
    ordered: list[MarketingList] = []
    while waiting:
        ready = [key for key in waiting if not parts.get(key, frozenset()) & (waiting.keys() - {key})]
        ordered.extend(waiting.pop(key) for key in ready or list(waiting))
    return ordered
