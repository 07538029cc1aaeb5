"""Django settings of the CRM site."""

from __future__ import annotations

from rollkeeper.web.settings import site_settings

globals().update(
    site_settings(
        "crm",
        [
            "rollkeeper.crm.home",
            "rollkeeper.crm.audit",
            "rollkeeper.crm.constituents",
            "rollkeeper.crm.personalization",
            "rollkeeper.crm.lists",
            "rollkeeper.crm.jobs",
            "rollkeeper.crm.schedules",
            "rollkeeper.crm.data_service",
        ],
    )
)
