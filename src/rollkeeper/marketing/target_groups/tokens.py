"""Change tokens of target groups, forgotten where the list's state that they name is the group's no more (B2).

A sync keeps the token in the transaction that makes the group what the list was. Whatever else touches a group
(values forgotten in `bridges/fields.py`, held removals discarded in `guard/held.py`) empties it: the next sync
pulls all of the list.
"""

from __future__ import annotations

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.target_groups.models import TargetGroup


def forget_tokens(bridge: Bridge) -> None:
    """Have the next sync of each of the bridge's groups pull all of its list."""
    TargetGroup.objects.filter(bridge=bridge).exclude(change_token="").update(change_token="")
