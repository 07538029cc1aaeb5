"""Who may make, change and run schedules; every signed-in user may see them (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_SCHEDULE = "schedules.maintain"

add_perm(MAY_SCHEDULE, is_active & (is_superuser | is_group_member("marketing")))  # type: ignore[no-untyped-call]  # rules has no types
