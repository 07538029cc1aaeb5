"""Who may run MKT510 and MKT600; every signed-in user may see what they did (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_RUN = "jobs.run"

add_perm(MAY_RUN, is_active & (is_superuser | is_group_member("marketing")))  # type: ignore[no-untyped-call]  # rules has no types
