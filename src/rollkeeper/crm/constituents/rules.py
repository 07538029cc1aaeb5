"""Who may keep the records of constituents; every signed-in user may read them (B22)."""

from __future__ import annotations

from rules.permissions import add_perm
from rules.predicates import is_active, is_group_member, is_superuser

MAY_EDIT_CONTACT = "constituents.edit_contact"  # addresses and e-mail permission
MAY_KEEP_RECORDS = "constituents.keep_records"  # create, details, what belongs to a constituent

CLERKS = is_active & (is_superuser | is_group_member("clerk"))

add_perm(MAY_EDIT_CONTACT, CLERKS)  # type: ignore[no-untyped-call]  # rules has no types
add_perm(MAY_KEEP_RECORDS, CLERKS)  # type: ignore[no-untyped-call]  # as above
