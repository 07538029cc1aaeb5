"""The target group that a command's CODE names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollkeeper.cli.frame import Failure

if TYPE_CHECKING:
    from rollkeeper.marketing.target_groups.models import TargetGroup


def find_group(code: str) -> TargetGroup:
    """The target group of the list of that code. Raises `Failure` where there is none, or more than one."""
    from rollkeeper.marketing.target_groups.models import TargetGroup

    found = list(TargetGroup.objects.select_related("bridge").filter(code=code)[:2])
    if not found:
        raise Failure(
            f"There is no target group of a list {code!r}. What to do: `rollkeeper crm lists` shows the lists; "
            "`rollkeeper bridge refresh` brings new ones over."
        )
    if len(found) > 1:
        raise Failure(f"Two bridges have a list {code!r}. What to do: sync it on its Count Details page.")
    return found[0]
