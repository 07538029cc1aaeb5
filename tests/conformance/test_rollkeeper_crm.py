"""The bundled CRM's connector through the suite, against the fake CRM telling the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from rollkeeper.connectors.rollkeeper_crm import Connector
from rollkeeper.sync.member import Field

from ..fakes.lying_crm import LyingCrm, members
from .suite import ConnectorConformance, Row, Subject

FIELDS = (Field("city", "City", "text"), Field("total", "Total given", "decimal"))
ROWS = [
    (f"{number:08}", "0", f"p{number}@example.org" if number % 7 else None, number % 5 > 0) for number in range(40)
]


class Hasty(Connector):
    """Tries again at once."""

    retry_pauses = (0.0, 0.0)


class TestRollkeeperCrm(ConnectorConformance):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        columns = ("master_customer_id", "sub_customer_id", "email", "allow_email")

        def table(rows: Sequence[Row]) -> pa.Table:
            return members(FIELDS, [dict(zip(columns, row, strict=True)) for row in rows])

        nobody = members(FIELDS, [])
        gone = LyingCrm()
        with gone:
            down = gone.url
        with LyingCrm(FIELDS, {"TX": table(ROWS), "EMPTY": nobody, "O'Neil / (A)": nobody, "NEW": None}) as crm:
            crm.batch_rows = 7
            crm.page_rows = 2
            yield Subject(
                connector=Hasty(crm.url, "", crm.token),
                refused=Hasty(crm.url, "", "rkt_wrong"),
                down=Hasty(down, "", crm.token),
                fields=FIELDS,
                built="TX",
                rows=ROWS,
                empty="EMPTY",
                odd="O'Neil / (A)",
                unbuilt="NEW",
                change=lambda rows: crm.put("TX", table(rows)),
            )
