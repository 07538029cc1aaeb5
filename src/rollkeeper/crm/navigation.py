"""The CRM site's menu, in the document's words (S5, S9)."""

from __future__ import annotations

from rollkeeper.web.navigation import Entry, SiteMenu

SITE = SiteMenu(
    key="crm",
    name="CRM site",
    purpose="The association's membership records",
    entries=(
        Entry("Home", "home", "home"),
        Entry("Customers and Committees", icon="address-book", children=(Entry("CRM360", "crm360"),)),
        Entry("Marketing and Communication", icon="mail", children=(Entry("List Maintenance", "marketing-lists"),)),
        Entry(
            "Reporting", icon="report", children=(Entry("Jobs", "jobs"), Entry("Job Scheduling", "job-scheduling"))
        ),
        Entry(
            "Admin",
            icon="settings",
            children=(
                Entry("Personalization View", "personalization-view"),
                Entry("Audit", "audit"),
                Entry("API Tokens", "api-tokens", permission="data_service.manage_tokens"),
            ),
        ),
    ),
)
