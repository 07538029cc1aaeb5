"""Who may change the personalization view; every signed-in user may read it (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_superuser

MAY_CHANGE_VIEW = "personalization.change_view"

add_perm(MAY_CHANGE_VIEW, is_active & is_superuser)  # type: ignore[no-untyped-call]  # rules has no types
