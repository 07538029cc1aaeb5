"""Create New Constituent, the last Save: record, address and permissions in one transaction (S3, S4, S8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import Value, differences
from rollkeeper.crm.constituents.csv_rows import ID_LIMIT, NAME_CONTROL
from rollkeeper.crm.constituents.details import NAMELESS, is_nameless
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.version import log
from rollkeeper.sync.address import is_valid

ID_WIDTH = 12  # digits of the first id that is given; afterwards as many as the association's ids have
ID_LOCK = 7_362_003  # advisory: one id is given at a time
RECENT = 1_000  # of the latest constituents, whose ids tell the width
ATTEMPTS = 3  # an import beside may take the id that was just found free
NO_SOLICITATION = (
    "Allow Email cannot be set to True while Allow Solicitation is False: no solicitation means no e-mail. "
    "Set Allow Email to False, or Allow Solicitation to True if the person agreed to it."
)


class NewRefused(ValueError):
    """The constituent cannot be created so; `field` is the one to correct, the message says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class NewConstituent:
    """What the wizard gathered. `texts`: columns by name. No `master_customer_id`: the next free one is given."""

    texts: Mapping[str, str]
    allow_solicitation: bool
    allow_email: bool
    email: str = ""
    location_code: str = "WORK"
    master_customer_id: str = ""


def check(new: NewConstituent) -> None:
    """What cannot be, as far as it can be known without writing. Raises `NewRefused`."""
    if is_nameless(new.texts):
        raise NewRefused("last_name", NAMELESS)
    if new.email and not is_valid(new.email):
        raise NewRefused(
            "email",
            f"“{new.email}” is no e-mail address: it needs a name, an @ and a domain, such as ada@example.org.",
        )
    if new.allow_email and not new.allow_solicitation:
        raise NewRefused("allow_email", NO_SOLICITATION)
    typed = new.master_customer_id
    if len(typed) > ID_LIMIT or NAME_CONTROL.search(typed):
        raise NewRefused(
            "master_customer_id", f"A customer id has at most {ID_LIMIT} characters, and no control character."
        )
    if typed and is_taken(typed):
        raise NewRefused("master_customer_id", taken(typed))


def create_constituent(new: NewConstituent, *, author: str, origin: str) -> Constituent:
    """Create the constituent. Raises `NewRefused`; nothing is written then."""
    check(new)
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _create(new, author=author, origin=origin)
        except IntegrityError:
            if new.master_customer_id:
                raise NewRefused("master_customer_id", taken(new.master_customer_id)) from None
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def next_customer_id() -> str:
    """The number after the largest zero-padded one whose successor is free, as wide as the latest ids are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT length(master_customer_id) FROM (SELECT id, master_customer_id FROM constituent "
            "ORDER BY id DESC LIMIT %s) latest WHERE master_customer_id ~ '^[0-9]+$' ORDER BY id DESC LIMIT 1",
            [RECENT],
        )
        row = cursor.fetchone()
        width = int(row[0]) if row else ID_WIDTH
        cursor.execute(_NEXT, {"width": width, "nines": "9" * width, "digits": f"^[0-9]{{{width}}}$"})
        row = cursor.fetchone()
    return str(row[0]) if row else "1".zfill(width)


# From the largest id downwards: the first row is it, unless its successor is taken (or has a digit more).
_NEXT = """
    SELECT following.id FROM constituent c
    CROSS JOIN LATERAL (SELECT lpad((c.master_customer_id::numeric + 1)::text, %(width)s, '0') AS id) following
    WHERE c.master_customer_id < %(nines)s AND c.master_customer_id ~ %(digits)s
      AND NOT EXISTS (SELECT FROM constituent n WHERE n.master_customer_id = following.id)
    ORDER BY c.master_customer_id DESC LIMIT 1
"""


def is_taken(master: str) -> bool:
    """Whether a constituent has this id (with the sub id 0, which a new one gets)."""
    return Constituent.objects.filter(master_customer_id=master, sub_customer_id="0").exists()


def taken(master: str) -> str:
    """The sentence for an id that someone has."""
    return f"There is a constituent {master}-0 already. Type another id, or leave it empty for the next free one."


def _create(new: NewConstituent, *, author: str, origin: str) -> Constituent:
    master = new.master_customer_id
    if not master:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ID_LOCK])
        master = next_customer_id()
    flags = {"allow_solicitation": new.allow_solicitation, "allow_email": new.allow_email}
    made = Constituent.objects.create(master_customer_id=master, **new.texts, **flags)
    facts: dict[str, Value] = {"customer_id": made.customer_id, **new.texts, **flags}
    marks: list[tuple[str, str, bool]] = [("", name, value) for name, value in flags.items()]
    if new.email:
        EmailAddress.objects.create(constituent=made, address=new.email, location_code=new.location_code)
        facts["email"] = new.email
        marks.append((new.email, "do_not_solicit", False))
    known = {name: value for name, value in facts.items() if value != ""}
    log(made, differences({}, known), author=author, origin=origin, action=Action.CREATED)
    PermissionChange.objects.bulk_create(
        PermissionChange(
            constituent=made, address=address, field=name, old=None, new=value, changed_by=author, origin=origin
        )
        for address, name, value in marks
    )
    return made
