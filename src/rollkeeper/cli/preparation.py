"""Making a site ready to serve: tables, administrator, sample association, the bundled bridge and its token.

Each function runs in a process that `database.set_up` has set up for its site. Each is safe to run again after a
kill: it looks at what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rollkeeper.cli.database import migrate
from rollkeeper.configuration import configuration

TOKEN_NAME = "Rollkeeper marketing site"  # noqa: S105  # a name, not a token
BRIDGE_NAME = "Bundled CRM"
CONNECTOR = "rollkeeper_crm"
TOLD_EVERY = 25  # lists: a large sample takes minutes, and a person wants to see it move
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of preparing a site.

    `password`: the administrator's, when just made. `token`: it has one. `sample`: the sample association is new.
    `synced`: the bridge has had its first catalog sync.
    """

    migrations: int
    password: str | None
    token: bool
    sample: bool = False
    synced: bool = False


def prepare_crm(sample: str, say: Callable[[str], None]) -> Prepared:
    """Tables, administrator and, where one is asked for and the CRM is empty, the sample association."""
    migrations = migrate()
    from rollkeeper.crm.data_service.models import ApiToken
    from rollkeeper.web.accounts.administrator import ensure_administrator

    password = ensure_administrator()
    new_sample = sample != "none" and _fill(sample, say)
    token = ApiToken.objects.filter(name=TOKEN_NAME, revoked_at__isnull=True).exists()
    return Prepared(migrations, password, token, new_sample)


def sample_mark() -> Path:
    """The file that says: the sample is being made, its lists built and synced. Gone once that is done."""
    return configuration().home_path / "sample-unfinished"


def _fill(size: str, say: Callable[[str], None]) -> bool:
    """Generate the sample and build its lists with MKT510, in an empty CRM. Returns whether it did.

    What was cut short is taken up where it stood.
    """
    from rollkeeper.crm.constituents.models import Constituent
    from rollkeeper.crm.lists.models import MarketingList
    from rollkeeper.crm.sample.generate import generate

    if Constituent.objects.exists() and not sample_mark().exists():
        return False
    sample_mark().touch()
    if not Constituent.objects.exists():
        say(f"Making the sample association ({size}) …")
        generate(size)
    lists = MarketingList.objects.filter(version=0, job_results=None).values_list("code", flat=True)
    say(f"Building its {len(lists)} marketing lists with MKT510 …")
    for done, code in enumerate(lists):
        if done and done % TOLD_EVERY == 0:
            say(f"{done} of {len(lists)} lists are built …")
        _run_mkt510(code)
    return True


def _run_mkt510(code: str) -> None:
    from rollkeeper.crm.jobs.models import Job
    from rollkeeper.crm.jobs.perform import perform
    from rollkeeper.crm.jobs.request import record_run

    perform(record_run(Job.MKT510, list_code=code, requested_by="rollkeeper up").pk)


def new_token() -> str:
    """A fresh token of the CRM for the bundled bridge; an older one opens nothing any more."""
    from django.utils import timezone

    from rollkeeper.crm.data_service.tokens import create_token, revoke

    revoke(TOKEN_NAME, timezone.now())
    return create_token(TOKEN_NAME)


def prepare_marketing(crm_url: str) -> Prepared:
    """Tables, administrator, and the bridge to the bundled CRM, whose address follows the CRM site's port.

    A bridge that a person pointed at another machine is left as it is.
    """
    migrations = migrate()
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.web.accounts.administrator import ensure_administrator

    password = ensure_administrator()
    bridge = Bridge.objects.filter(name=BRIDGE_NAME).first()
    if bridge is None:
        bridge = Bridge.objects.create(name=BRIDGE_NAME, connector=CONNECTOR, url=crm_url)
    elif bridge.url != crm_url and urlsplit(bridge.url).hostname in LOOPBACK:
        Bridge.objects.filter(pk=bridge.pk).update(url=crm_url)
    return Prepared(migrations, password, token=bool(bridge.secret), synced=bridge.catalog_synced_at is not None)


def store_token(token: str) -> None:
    """Give the bundled bridge the CRM's token."""
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.bridges.secret import conceal

    Bridge.objects.filter(name=BRIDGE_NAME).update(secret=conceal(token))
