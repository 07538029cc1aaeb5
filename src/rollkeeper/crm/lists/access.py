"""Who may change marketing lists and run their jobs; every signed-in user may read them (B22).

(Not in `rules`: that folder is about the rules that choose a list's members.)
"""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_MAINTAIN = "lists.maintain"

add_perm(MAY_MAINTAIN, is_active & (is_superuser | is_group_member("marketing")))  # type: ignore[no-untyped-call]  # rules has no types
