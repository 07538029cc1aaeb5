"""WSGI entry point of the marketing site."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "rollkeeper.marketing.settings"

application = get_wsgi_application()
