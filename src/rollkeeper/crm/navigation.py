"""The CRM site's menu, in the document's words."""

from __future__ import annotations

from rollkeeper.web.navigation import SiteMenu

SITE = SiteMenu(
    key="crm",
    name="CRM site",
    purpose="The association's membership records",
    entries=(),
)
