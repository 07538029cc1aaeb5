"""Who may run MKT510 and MKT600 and set them up; every signed-in user may see what they did (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_RUN = "jobs.run"
MAY_SET_UP = "jobs.set_up"

add_perm(MAY_RUN, is_active & (is_superuser | is_group_member("marketing")))  # type: ignore[no-untyped-call]  # rules has no types
add_perm(MAY_SET_UP, is_active & (is_superuser | is_group_member("marketing")))  # type: ignore[no-untyped-call]  # rules has no types
