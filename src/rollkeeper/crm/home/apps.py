from __future__ import annotations

from django.apps import AppConfig


class Home(AppConfig):
    """Home has no tables; its label differs from the marketing site's, as the type checker loads both sites."""

    name = "rollkeeper.crm.home"
    label = "crm_home"
