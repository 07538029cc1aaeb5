"""Who may change how the site is joined to a CRM (B22, S34)."""

from __future__ import annotations

import rules

MAY_CONFIGURE = "bridges.configure"

rules.add_perm(MAY_CONFIGURE, rules.is_active & rules.is_superuser)
