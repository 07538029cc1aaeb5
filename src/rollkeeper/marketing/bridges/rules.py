"""Who may change how the site is joined to a CRM (B22, S34)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_superuser

MAY_CONFIGURE = "bridges.configure"

add_perm(MAY_CONFIGURE, is_active & is_superuser)  # type: ignore[no-untyped-call]  # rules has no types
