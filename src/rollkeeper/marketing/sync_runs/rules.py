"""Who may ask for a sync (B22)."""

from __future__ import annotations

import rules

MAY_SYNC = "sync_runs.request"

may_sync = rules.is_active & (rules.is_superuser | rules.is_staff | rules.is_group_member("marketing"))

rules.add_perm(MAY_SYNC, may_sync)
