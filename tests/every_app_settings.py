"""Django settings with the apps of both sites, for the type checker alone. No process runs under them."""

from __future__ import annotations

import os

os.environ.setdefault("ROLLKEEPER_HOME", "/tmp/rollkeeper-types")  # noqa: S108

from rollkeeper.crm import settings as crm
from rollkeeper.marketing import settings as marketing

globals().update({name: value for name, value in vars(marketing).items() if name.isupper()})
INSTALLED_APPS = list(dict.fromkeys([*vars(marketing)["INSTALLED_APPS"], *vars(crm)["INSTALLED_APPS"]]))
SITE_MENU = "rollkeeper.marketing.navigation.SITE"
