"""The sample's constituents and their addresses, a chunk at a time, drawn vectorised.

Dirt at the rates of real associations: 10–15% have no address, 3–5% share one, 1–2% have a malformed one,
some are opted out by each of the three flags, some are merged, inactive or deceased.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.crm.sample import association
from rollkeeper.crm.sample.draws import chosen, some, taken
from rollkeeper.crm.sample.names import FAMILY_FIRST, SHARES, name_pool

COMPANIES = 0.04
NO_ADDRESS = 0.12
FOLLOWS = 0.025  # was given the address of the person before: where both have one, they share it
MALFORMED = 0.015
SECOND_ADDRESS = 0.12
INACTIVE_ADDRESS = 0.005  # the primary address was found dead: no address, as far as mail goes
NOT_ALLOW_EMAIL = 0.04
NOT_ALLOW_SOLICITATION = 0.025
DO_NOT_SOLICIT = 0.03
STATUSES = (("ACTIVE", 0.955), ("INACTIVE", 0.025), ("DUPLICATE", 0.01), ("DECEASED", 0.01))

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class People:
    """One chunk: columns of `constituent` and of `email_address`; which are companies; each one's status."""

    constituents: pa.Table
    addresses: pa.Table
    company: Flags
    active: Flags


def people(random: np.random.Generator, first: int, count: int, first_id: int) -> People:
    """Constituents number `first` … `first + count - 1`, with database ids from `first_id` on."""
    pool = name_pool()
    numbers = pa.array(np.arange(first, first + count))
    ids = pa.array(np.arange(first_id, first_id + count))
    languages = chosen(random, count, list(SHARES.values()))
    given_places, family_places = pool.draw(random, languages)
    given, family = pool.given.take(given_places), pool.family.take(family_places)
    company = random.random(count) < COMPANIES
    statuses = chosen(random, count, [share for _, share in STATUSES])
    columns = {
        "id": ids,
        "master_customer_id": pc.utf8_lpad(numbers.cast(pa.string()), 8, "0"),
        "sub_customer_id": _constant("0", count),
        "status": taken([name for name, _ in STATUSES], statuses),
        **_names(random, languages, company, given, family, numbers),
        **_work(random, company),
        **_places(random, languages),
        **_flags(random, count),
        "attributes": _attributes(random, languages),
        "version": pa.array(np.ones(count, dtype=np.int32)),
    }
    local = _local_parts(
        pool.given_ascii.take(given_places), pool.family_ascii.take(family_places), company, numbers
    )
    return People(pa.table(columns), _addresses(random, ids, local), company, statuses == 0)


def _names(
    random: np.random.Generator, languages: npt.NDArray[np.int64], company: Flags,
    given: pa.StringArray, family: pa.StringArray, numbers: pa.Int64Array,
) -> dict[str, pa.Array]:  # fmt: skip
    count = len(given)
    firm = pa.array(company)
    names = list(SHARES)
    family_first = pa.array(np.isin(languages, [names.index(language) for language in FAMILY_FIRST]))
    firm_names = _joined(
        taken(association.ORGANIZATIONS, random.integers(0, len(association.ORGANIZATIONS), count)),
        " ",
        numbers.cast(pa.string()),
    )
    label = pc.if_else(family_first, _joined(family, "", given), _joined(given, " ", family))
    prefix = some(random, count, 0.15, ("Dr.", "Prof.", "Ms.", "Mr."))
    empty = _constant("", count)
    return {
        "record_type": pc.if_else(firm, "C", "I"),
        "customer_class": pc.if_else(firm, "CORP", "INDIV"),
        "label_name": pc.if_else(firm, firm_names, label),
        "name_prefix": pc.if_else(firm, "", prefix),
        "first_name": pc.if_else(firm, "", given),
        "middle_name": pc.if_else(pc.or_(firm, family_first), "", some(random, count, 0.2, tuple("ABCDEJLMRST"))),
        "last_name": pc.if_else(firm, "", family),
        "name_suffix": pc.if_else(firm, "", some(random, count, 0.02, ("Jr.", "III"))),
        "credentials": pc.if_else(firm, "", some(random, count, 0.35, association.CREDENTIALS)),
        "nickname": empty,
        "formal_salutation": pc.if_else(firm, "", _joined("Dear ", "", label)),
        "informal_salutation": pc.if_else(firm, "", given),
    }


def _work(random: np.random.Generator, company: Flags) -> dict[str, pa.Array]:
    count = len(company)
    firm = pa.array(company)
    return {
        "organization": some(random, count, 0.8, association.ORGANIZATIONS),
        "job_title": pc.if_else(firm, "", some(random, count, 0.85, association.TITLES)),
    }


def _places(random: np.random.Generator, languages: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
    count = len(languages)
    home = chosen(random, count, [city[3] for city in association.CITIES])
    away_places, is_away = _away(random, languages)
    away = pa.array(is_away)
    state = taken([city[1] for city in association.CITIES], home)
    zip_code = _joined(
        taken([city[2] for city in association.CITIES], home), "",
        pc.utf8_lpad(pa.array(random.integers(1, 100, count)).cast(pa.string()), 2, "0"),
    )  # fmt: skip
    return {
        "city": pc.if_else(
            away,
            taken([place[0] for place in association.ABROAD], away_places),
            taken([city[0] for city in association.CITIES], home),
        ),
        "state": pc.if_else(away, "", state),
        "postal_code": pc.if_else(away, "", zip_code),
        "country": pc.if_else(away, taken([place[1] for place in association.ABROAD], away_places), "USA"),
        "chapter": pc.if_else(away, association.INTERNATIONAL, state),
    }


def _away(random: np.random.Generator, languages: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Flags]:
    """A city abroad where the person's language is spoken, and whether the person lives there."""
    names = list(SHARES)
    spoken = [[place for place, city in enumerate(association.ABROAD) if city[2] == name] or [0] for name in names]
    starts = np.array([places[0] for places in spoken])[languages]  # cities of one language stand together
    sizes = np.array([len(places) for places in spoken])[languages]
    english = languages == names.index("en")
    share = np.where(english, association.SHARE_ABROAD, association.SHARE_ABROAD_OTHER)
    places = starts + (random.random(len(languages)) * sizes).astype(np.int64)
    return places, random.random(len(languages)) < share


def _flags(random: np.random.Generator, count: int) -> dict[str, pa.Array]:
    shares = {
        "allow_email": 1 - NOT_ALLOW_EMAIL,
        "allow_solicitation": 1 - NOT_ALLOW_SOLICITATION,
        "allow_phone": 0.8,
        "allow_fax": 0.7,
        "allow_internal_mail": 0.95,
        "allow_label_sales": 0.6,
        "allow_advocacy": 0.85,
        "allow_system_notification": 0.99,
        "do_not_call": 0.1,
        "publish_primary_email": 0.4,
    }
    return {name: pa.array(random.random(count) < share) for name, share in shares.items()}


def _attributes(random: np.random.Generator, languages: npt.NDArray[np.int64]) -> pa.StringArray:
    """JSON objects: the language of letters for some, a year of graduation for a third."""
    names = list(SHARES)
    letters = np.array([association.LANGUAGES.get(name, "en") for name in names])[languages]
    years = pa.array(random.integers(1965, 2026, len(languages))).cast(pa.string())
    letter = _joined(_joined('{"letter_language": "', "", pa.array(letters)), "", '"')
    graduated = pc.if_else(
        pa.array(random.random(len(languages)) < 0.33), _joined(_joined(', "graduated": "', "", years), "", '"'), ""
    )
    return _joined(_joined(letter, "", graduated), "", "}")


def _local_parts(
    given: pa.StringArray, family: pa.StringArray, company: Flags, numbers: pa.Int64Array
) -> pa.StringArray:
    """The part before the @, different for everyone: given.family and number, or member and number."""
    number = numbers.cast(pa.string())
    named = _joined(_joined(given, ".", family), "", number)
    plain = _joined("member", "", number)
    office = _joined("office", "", number)
    without_name = pc.or_(pc.equal(given, ""), pc.equal(family, ""))
    return pc.if_else(pa.array(company), office, pc.if_else(without_name, plain, named))


def _addresses(random: np.random.Generator, ids: pa.Int64Array, local: pa.StringArray) -> pa.Table:
    count = len(ids)
    domain = taken(association.DOMAINS, chosen(random, count, [5, 8, 3, 1, 2, 1.0]))
    well = _joined(local, "@", domain)
    kind = random.random(count)
    address = pc.if_else(pa.array(kind < MALFORMED), _malformed(random, local, domain), well)
    follows = (kind >= MALFORMED) & (kind < MALFORMED + FOLLOWS)
    follows[0] = False
    before = np.arange(count) - follows  # the address of the person before, who has one of their own or follows too
    address = address.take(pa.array(before))
    primary = pa.table(
        {
            "constituent_id": ids,
            "location_code": some(random, count, 1.0, ("WORK", "WORK", "HOME")),
            "address": address,
            "is_primary": _constant(True, count),
            "is_active": pa.array(random.random(count) >= INACTIVE_ADDRESS),
            "do_not_solicit": pa.array(random.random(count) < DO_NOT_SOLICIT),
        }
    ).filter(pa.array(random.random(count) >= NO_ADDRESS))
    second = pa.table(
        {
            "constituent_id": ids,
            "location_code": _constant("HOME", count),
            "address": _joined(_joined("home.", "", local), "@", "example.net"),
            "is_primary": _constant(False, count),
            "is_active": _constant(True, count),
            "do_not_solicit": _constant(False, count),
        }
    ).filter(pa.array(random.random(count) < SECOND_ADDRESS))
    return pa.concat_tables([primary, second])


def _malformed(random: np.random.Generator, local: pa.StringArray, domain: pa.StringArray) -> pa.StringArray:
    kind = random.integers(0, 5, len(local))
    forms = [
        _joined(local, ".", domain),
        _joined(local, "@", ""),
        _joined(local, "@@", domain),
        _joined(local, " @", domain),
        _joined(local, "@", "example"),
    ]
    return pc.choose(pa.array(kind), *forms)


def _joined(left: pa.Array | str, between: str, right: pa.Array | str) -> pa.StringArray:
    return pc.binary_join_element_wise(left, right, between)


def _constant(value: str | bool, count: int) -> pa.Array:
    return pa.repeat(value, count)
