"""Who may ask for a sync (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_staff, is_superuser

MAY_SYNC = "sync_runs.request"

may_sync = is_active & (is_superuser | is_staff | is_group_member("marketing"))

add_perm(MAY_SYNC, may_sync)  # type: ignore[no-untyped-call]  # rules has no types
