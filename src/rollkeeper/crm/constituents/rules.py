"""Who may change a constituent's contact information; every signed-in user may read it (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_EDIT_CONTACT = "constituents.edit_contact"

add_perm(MAY_EDIT_CONTACT, is_active & (is_superuser | is_group_member("clerk")))  # type: ignore[no-untyped-call]  # rules has no types
