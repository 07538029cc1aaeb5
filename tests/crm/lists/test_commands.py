"""`rollkeeper crm …` as a black box: arguments and files in; exit code, standard output and error out."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from rollkeeper.postgres.server import server_url

pytestmark = pytest.mark.slow

HEADER = (
    "master_customer_id,sub_customer_id,record_type,first_name,last_name,label_name,email,"
    "allow_email,allow_solicitation,do_not_solicit,status,colour\n"
)
DATABASE = f"commands_{os.getpid()}"


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run(*arguments: object) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "rollkeeper.cli.main", "crm", *map(str, arguments)],
        env={**os.environ, "ROLLKEEPER_CRM_DATABASE": DATABASE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def association(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A CRM with three constituents, in a database of its own. The folder for files."""
    folder = tmp_path_factory.mktemp("association")
    file = folder / "people.csv"
    file.write_text(
        HEADER
        + "00000002,0,I,Бен,Ng,,ben@example.org,Y,Y,N,ACTIVE,red\n"
        + '00000001,0,I,Ana,"Ñandú, Sr.",,ana@example.org,N,Y,N,ACTIVE,red\n'
        + "00000003,1,I,Cleo,Li,,,Y,Y,N,ACTIVE,blue\n"
        + ",0,I,No,Id,,x@example.org,Y,Y,N,ACTIVE,red\n"
    )
    answer = run("import-constituents", file, "--json")
    assert answer.code == 0, answer.err
    yield folder
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def red(folder: Path) -> Path:
    condition = {"field": "colour", "operator": "=", "value": "red"}
    return written(folder, "red.json", json.dumps({"combinator": "and", "rules": [condition]}))


def test_an_import_counts_and_names_the_rows_set_aside(association: Path) -> None:
    answer = run("import-constituents", association / "people.csv", "--json")
    document = answer.document
    assert answer.code == 0
    assert (document["read"], document["unchanged"], document["set_aside"]) == (4, 3, 1)
    assert document["set_aside_rows"][0]["line"] == 5
    assert "line 5" in answer.err


def test_from_a_rule_to_a_file(association: Path, tmp_path: Path) -> None:
    saved = run(
        "save-list", "RED", "--name", "Red ones", "--rule", red(association), "--frequency", "DAILY", "--json"
    )
    assert saved.code == 0, saved.err
    assert saved.document["last_regenerated"] is None
    built = run("run-job", "MKT510", "--list", "RED", "--json").document
    assert (built["state"], built["results"][0]["members"]) == ("completed", 2)
    shown = {one["code"]: one for one in run("lists", "--json").document}
    assert shown["RED"]["members"] == 2
    assert shown["RED"]["frequency"] == "DAILY"
    assert shown["RED"]["last_regenerated"]
    target = tmp_path / "red.csv"
    assert run("export-list", "RED", "--format", "csv", "-o", target, "--json").document["members"] == 2
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode())))
    assert [(row["master_customer_id"], row["allow_email"], row["denied_by"]) for row in rows] == [
        ("00000001", "N", "allow_email"),
        ("00000002", "Y", ""),
    ]
    assert (rows[0]["last_name"], rows[1]["first_name"], rows[0]["colour"]) == ("Ñandú, Sr.", "Бен", "red")
    assert "hash_hi" not in rows[0]
    parquet = tmp_path / "red.parquet"
    run("export-list", "RED", "--format", "parquet", "-o", parquet)
    table = pq.read_table(parquet)
    assert table.column("master_customer_id").to_pylist() == ["00000001", "00000002"]
    assert table.column("allow_email").to_pylist() == [False, True]


def test_a_list_by_ids_and_one_by_sql(association: Path) -> None:
    ids = written(association, "ids.csv", "00000003,1\nnonsense\n00000009,0\n")
    saved = run("save-list", "IDS", "--name", "By ids", "--ids", ids, "--json")
    assert (saved.code, saved.document["ids"], saved.document["set_aside"]) == (0, 2, 1)
    assert "line 2" in saved.err
    query = written(association, "q.sql", "SELECT master_customer_id FROM constituents WHERE status = 'ACTIVE'")
    assert run("save-list", "SQL", "--name", "By SQL", "--sql", query).code == 0
    assert run("run-job", "MKT510", "--list", "IDS", "--json").document["results"][0]["members"] == 1
    assert run("run-job", "MKT510", "--list", "SQL", "--json").document["results"][0]["members"] == 2


def test_mkt600_skips_what_mkt510_has_not_built_and_says_so(association: Path) -> None:  # S11
    run("save-list", "NEW", "--name", "New", "--rule", red(association), "--frequency", "MONTHLY")
    answer = run("run-job", "MKT600", "--setup-code", "MONTHLY", "--json")
    assert answer.code == 0
    assert [(one["list"], one["outcome"]) for one in answer.document["results"]] == [("NEW", "skipped")]
    assert "MKT510" in answer.err


def test_verify_finds_facts_that_are_not_those_of_the_rows(association: Path) -> None:  # B1
    run("save-list", "V", "--name", "V", "--rule", red(association))
    run("run-job", "MKT510", "--list", "V")
    document = run("verify", "--list", "V", "--json").document["lists"][0]
    assert (document["list"], document["identical"], document["kept"]) == ("V", True, document["computed"])
    with psycopg.connect(make_conninfo(server_url(), dbname=DATABASE)) as connection:
        connection.execute("UPDATE list_state SET fingerprint = mod(fingerprint + 1, 7)")
    different = run("verify")
    assert (different.code, "DIFFERENT" in different.out) == (1, True)
    assert "repaired" in run("verify", "--repair").out
    assert run("verify").code == 0
    assert "no list NOPE" in run("verify", "--list", "NOPE").err


def test_a_frequency_changes_without_a_definition(association: Path) -> None:
    run("save-list", "F", "--name", "Name kept", "--rule", red(association))
    document = run("save-list", "F", "--frequency", "weekly", "--json").document
    assert (document["name"], document["frequency"]) == ("Name kept", "WEEKLY")


def test_what_is_refused_is_a_sentence_and_exit_code_1(association: Path, tmp_path: Path) -> None:
    bad = written(
        association, "bad.json", '{"combinator":"and","rules":[{"field":"nose","operator":"=","value":1}]}'
    )
    two = written(association, "two.sql", "SELECT 1; DROP TABLE constituent")
    refused: dict[tuple[object, ...], str] = {
        ("save-list", "X", "--name", "X", "--rule", bad): "'nose'",
        ("save-list", "X", "--name", "X", "--rule", written(association, "n.json", "{")): "not JSON",
        ("save-list", "X", "--name", "X", "--rule", written(association, "e.json", " ")): "is empty",
        ("save-list", "X", "--name", "X", "--rule", written(association, "d.json", "[" * 100_000)): "not JSON",
        ("save-list", "X", "--name", "X", "--sql", two): "2 statements",
        ("save-list", "X", "--name", "X", "--ids", written(association, "no.csv", "")): "at least one",
        ("save-list", "X", "--name", "X"): "needs a definition",
        ("save-list", "a b", "--name", "X", "--rule", red(association)): "code",
        ("run-job", "MKT510", "--list", "NOPE"): "no list 'NOPE'",
        ("run-job", "MKT600", "--setup-code", "NOPE"): "no set-up code 'NOPE'",
        ("export-list", "NOPE", "-o", tmp_path / "x.csv"): "no list NOPE",
    }
    for arguments, says in refused.items():
        answer = run(*arguments, "--json")
        assert answer.code == 1, arguments
        assert says in answer.err
        assert says in answer.document["error"]
    assert not (tmp_path / "x.csv").exists()


def test_wrong_usage_is_exit_code_2(association: Path, tmp_path: Path) -> None:
    rule = red(association)
    for arguments in (
        ["import-constituents", tmp_path / "missing.csv"],
        ["import-constituents", tmp_path],
        ["save-list", "X", "--name", "X", "--rule", tmp_path / "missing.json"],
        ["save-list", "X", "--name", "X", "--rule", rule, "--sql", rule],
        ["save-list", "X", "--name", "X", "--rule", rule, "--frequency", "YEARLY"],
        ["run-job", "MKT510"],
        ["run-job", "MKT600"],
        ["run-job", "MKT700", "--list", "X"],
        ["export-list", "X"],
        ["export-list", "X", "-o", tmp_path],
        ["export-list", "X", "-o", tmp_path / "x", "--format", "xlsx"],
    ):
        answer = run(*arguments)
        assert answer.code == 2, arguments
        assert answer.out == ""
        assert answer.err


def test_a_file_that_cannot_be_written_leaves_nothing(association: Path, tmp_path: Path) -> None:
    run("save-list", "W", "--name", "W", "--rule", red(association))
    unbuilt = run("export-list", "W", "-o", tmp_path / "w.csv")
    assert unbuilt.code == 1
    assert "MKT510" in unbuilt.err
    run("run-job", "MKT510", "--list", "W")
    answer = run("export-list", "W", "-o", tmp_path / "missing" / "w.csv")
    assert answer.code == 1
    assert "cannot be written" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_each_command_has_help() -> None:
    for command in ("import-constituents", "save-list", "run-job", "lists", "export-list"):
        answer = run(command, "--help")
        assert answer.code == 0
        assert "--json" in answer.out
