"""Is an e-mail address well-formed? Syntax only: deliverability is the mail system's to find out."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

# The plain ASCII addresses that make up nearly all of a list, judged in one pass. RFC 5321: a dot-atom of at most
# 64 bytes, a domain of at least two labels, each of at most 63 letters, digits and inner hyphens.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
PLAIN_ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"
LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64


def is_valid(address: str) -> bool:
    """Whether one address is well-formed; international ones (RFC 6531) are."""
    if not 3 <= len(address) <= LONGEST_ADDRESS or address.find("@") > LONGEST_LOCAL_PART:
        return False
    if address.isascii():
        return bool(pc.match_substring_regex(pa.scalar(address), PLAIN_ADDRESS).as_py())
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def valid_addresses(addresses: pa.StringArray) -> pa.BooleanArray:
    """For each address whether it is there and well-formed; false for null."""
    plain = pc.and_(
        pc.match_substring_regex(addresses, PLAIN_ADDRESS),
        pc.and_(
            pc.less_equal(pc.binary_length(addresses), LONGEST_ADDRESS),
            pc.less_equal(pc.find_substring(addresses, "@"), LONGEST_LOCAL_PART),
        ),
    )
    plain = pc.fill_null(plain, False)
    unsure = pc.invert(
        pc.fill_null(pc.string_is_ascii(addresses), True)
    )  # of ASCII ones the pass above is the judge
    if not pc.any(unsure).as_py():
        return plain
    judged = [is_valid(address) for address in addresses.filter(unsure).to_pylist()]
    return pc.replace_with_mask(plain, unsure, pa.array(judged, pa.bool_()))
