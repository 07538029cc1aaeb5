"""Who may make and revoke the tokens of the data service (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_superuser

MAY_MANAGE_TOKENS = "data_service.manage_tokens"

add_perm(MAY_MANAGE_TOKENS, is_active & is_superuser)  # type: ignore[no-untyped-call]  # rules has no types
