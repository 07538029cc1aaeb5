"""What a person sets from outside: environment variables, with defaults for one machine.

Every process of Rollkeeper (sites, worker, commands) reads the same settings, so a second machine needs
only the same variables. The names are the contract of `docs/reference/configuration.md`.
"""

from __future__ import annotations

import secrets
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Site = Literal["crm", "marketing"]


class Configuration(BaseSettings):
    """The settings of this process. Paths are absolute; ports are TCP ports on the loopback interface."""

    model_config = SettingsConfigDict(env_prefix="ROLLKEEPER_", frozen=True)

    home: Path = Field(default=Path("var"), description="Where all state of this installation lives.")
    postgres_url: str | None = Field(
        default=None, description="An existing PostgreSQL server to use instead of the embedded one."
    )
    crm_database: str = "rollkeeper_crm"
    marketing_database: str = "rollkeeper_marketing"
    host: str = Field(default="127.0.0.1", description="The address both sites listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The marketing site's port.")
    crm_port: int = Field(default=8001, ge=1, le=65535, description="The CRM site's port.")
    allowed_hosts: str = Field(default="127.0.0.1,localhost,[::1]", description="Host names the sites answer to.")
    behind_https: bool = Field(default=False, description="A TLS proxy stands before the sites.")
    time_zone: str = Field(default="UTC", description="The organisation's time zone (IANA name).")
    changes_kept_days: int = Field(
        default=90,
        ge=1,
        description="How long the CRM remembers a removed customer id for those who ask for changes.",
    )
    history_months: int | None = Field(
        default=None,
        ge=1,
        le=1200,
        description="For how many months the changes that syncs made are kept; for ever where it is not set.",
    )
    debug: bool = False
    log_level: str = "INFO"

    @cached_property
    def home_path(self) -> Path:
        """`ROLLKEEPER_HOME` as an absolute path."""
        return self.home.expanduser().resolve()

    def database_name(self, site: Site) -> str:
        return self.crm_database if site == "crm" else self.marketing_database

    def secret(self, name: str) -> str:
        """A random secret of this installation, made on first use and kept in the home with mode 0600.

        Two processes that ask at the same instant get the same value: the file is created exclusively.
        """
        folder = self.home_path / "secrets"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / name
        fresh = folder / f".{name}.{secrets.token_hex(6)}"
        if not path.exists():
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(48))
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """The configuration of this process, read once."""
    return Configuration()
