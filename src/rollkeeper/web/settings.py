"""The Django settings that both sites share. Each site's `settings.py` calls `site_settings` and adds its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from rollkeeper.configuration import Site, configuration
from rollkeeper.postgres.server import database_parameters

WEB = Path(__file__).parent


def site_settings(site: Site, apps: list[str]) -> dict[str, Any]:
    """The settings of one site: a dictionary for its settings module's globals."""
    settings = configuration()
    https = settings.behind_https
    return {
        "SITE": site,
        "SITE_MENU": f"rollkeeper.{site}.navigation.SITE",
        "DEBUG": settings.debug,
        "SECRET_KEY": settings.secret(f"{site}-django-key"),
        "ALLOWED_HOSTS": [host.strip() for host in settings.allowed_hosts.split(",")],
        "ROOT_URLCONF": f"rollkeeper.{site}.urls",
        "WSGI_APPLICATION": f"rollkeeper.{site}.wsgi.application",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "django.contrib.humanize",
            "rollkeeper.web",  # before allauth: its templates are ours
            "allauth",
            "allauth.account",
            "axes",
            "csp",
            "django_htmx",
            "rules.apps.AutodiscoverRulesConfig",
            "procrastinate.contrib.django",
            "rollkeeper.web.accounts",
            *apps,
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "whitenoise.middleware.WhiteNoiseMiddleware",
            "csp.middleware.CSPMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",  # a view that needs none says so
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
            "axes.middleware.AxesMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "DIRS": [],
                "OPTIONS": {
                    "builtins": ["rollkeeper.web.templatetags.components", "django.templatetags.static"],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "rollkeeper.web.navigation.navigation",
                    ],
                },
            }
        ],
        "DATABASES": {"default": _database(site)},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "rules.permissions.ObjectPermissionBackend",
            "django.contrib.auth.backends.ModelBackend",
            "allauth.account.auth_backends.AuthenticationBackend",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
            {
                "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
                "OPTIONS": {"min_length": 12},
            },
            {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
        ],
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "home",
        "ACCOUNT_LOGOUT_REDIRECT_URL": "account_login",
        "ACCOUNT_ADAPTER": "rollkeeper.web.accounts.adapter.ClosedSignUp",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "AXES_FAILURE_LIMIT": 10,
        "AXES_COOLOFF_TIME": 0.25,  # hours
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        # Both sites may live on one host name: cookies know no ports, so their names tell them apart.
        "SESSION_COOKIE_NAME": f"rollkeeper_{site}_session",
        "CSRF_COOKIE_NAME": f"rollkeeper_{site}_csrf",
        "LANGUAGE_COOKIE_NAME": f"rollkeeper_{site}_language",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": https,
        "CSRF_COOKIE_SECURE": https,
        "CSRF_COOKIE_HTTPONLY": True,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if https else None,
        "SECURE_SSL_REDIRECT": https,
        "SECURE_HSTS_SECONDS": 31_536_000 if https else 0,
        "SECURE_REFERRER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "CONTENT_SECURITY_POLICY": {
            "DIRECTIVES": {
                "default-src": [NONE],
                "script-src": [SELF],
                "style-src": [SELF],
                "img-src": [SELF, "data:"],
                "font-src": [SELF],
                "connect-src": [SELF],
                "form-action": [SELF],
                "base-uri": [NONE],
                "frame-ancestors": [NONE],
            }
        },
        "STATIC_URL": "/static/",
        "STATIC_ROOT": None,  # WhiteNoise serves the files from where they are in the package
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        "WHITENOISE_USE_FINDERS": True,
        "USE_TZ": True,
        "TIME_ZONE": settings.time_zone,
        "LANGUAGE_CODE": "en",
        "USE_THOUSAND_SEPARATOR": True,
    }


def _database(site: Site) -> dict[str, Any]:
    parameters = database_parameters(site)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": parameters,
    }
