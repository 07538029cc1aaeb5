"""The first wall: what a list's SQL may say. Everything that is not allowed here is refused by name.

The query is parsed, every node of its tree is looked at, and what runs is written anew from that tree: what
was checked is what PostgreSQL gets, whatever comments and quotes stood around it.
"""

from __future__ import annotations

import logging

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollkeeper.crm.lists.errors import SqlRefused

SCHEMA = "reporting"
VIEWS = ("constituents", "email_addresses", "memberships", "events", "gifts", "interests", "lists")
LONGEST_QUERY = 100_000  # characters

_CLAUSES = (
    exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.CTE, exp.With, exp.From, exp.Join,
    exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Window,
    exp.WindowSpec, exp.Table, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Paren,
    exp.Tuple, exp.Literal, exp.Null, exp.Boolean, exp.Interval, exp.Var, exp.DataType, exp.DataTypeParam,
    exp.Filter, exp.WithinGroup, exp.Array, exp.Collate, exp.AtTimeZone,
)  # fmt: skip
_OPERATORS = (
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between,
    exp.Like, exp.ILike, exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.SimilarTo, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Any, exp.All,
    exp.Exists, exp.Case, exp.If, exp.Cast, exp.JSONExtractScalar, exp.JSONExtract, exp.JSONPath,
    exp.JSONPathRoot, exp.JSONPathKey,
)  # fmt: skip
_FUNCTIONS = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr, exp.Coalesce, exp.Nullif,
    exp.Greatest, exp.Least, exp.Lower, exp.Upper, exp.Initcap, exp.Trim, exp.Length, exp.Substring, exp.Left,
    exp.Right, exp.Concat, exp.ConcatWs, exp.StrPosition, exp.SplitPart, exp.StartsWith, exp.Abs, exp.Round,
    exp.Floor, exp.Ceil, exp.Extract, exp.TimestampTrunc, exp.CurrentDate, exp.CurrentTimestamp,
    exp.StrToDate, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
)  # fmt: skip
_ALLOWED = frozenset((*_CLAUSES, *_OPERATORS, *_FUNCTIONS))
_ALLOWED_BY_NAME = frozenset({"age", "make_date", "starts_with", "btrim", "ltrim", "rtrim", "date_part"})
_TYPES = frozenset(
    {
        exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.INT,
        exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.DECIMAL,
        exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.DATE,
        exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.BOOLEAN,
        exp.DataType.Type.INTERVAL,
    }
)  # fmt: skip

# sqlglot warns where it falls back to a command of no known form; we refuse that, in words of our own.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def allowed_query(sql: str) -> str:
    """The query, written anew, every table qualified. Raises `SqlRefused`, naming what is not allowed."""
    if len(sql) > LONGEST_QUERY:
        raise SqlRefused(f"The query is longer than {LONGEST_QUERY} characters.")
    if "\x00" in sql:
        raise SqlRefused("The query holds the control character U+0000.")
    query = _one_query(sql)
    named = _names_of_ctes(query)
    for node in list(query.walk()):
        _check_node(node)
        if isinstance(node, exp.Table):
            _check_table(node, named)
    return query.sql(dialect="postgres", comments=False)


def _one_query(sql: str) -> exp.Expression:
    try:
        statements = [
            statement
            for statement in sqlglot.parse(sql, read="postgres")
            if statement is not None and not isinstance(statement, exp.Semicolon)
        ]
    except (SqlglotError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else "it cannot be read"
        raise SqlRefused(f"The query is not SQL that can be read: {first}") from error
    if not statements:
        raise SqlRefused("The query is empty.")
    if len(statements) > 1:
        raise SqlRefused(f"There are {len(statements)} statements; a list is made of one SELECT.")
    statement = statements[0]
    if not isinstance(statement, exp.Select | exp.Union | exp.Intersect | exp.Except | exp.Subquery):
        word = sql.split(None, 1)[0].upper() if sql.split() else ""
        raise SqlRefused(f"A list is made of one SELECT; this is {word[:40]}.")
    return statement


def _names_of_ctes(query: exp.Expression) -> frozenset[str]:
    """The names of the WITH parts. None may be taken for a view or for a table of the system."""
    names = set()
    for part in query.find_all(exp.CTE):
        name = part.alias
        if name.lower().startswith("pg_") or name.lower() in VIEWS:
            raise SqlRefused(f"A part of WITH cannot be called {name!r}; choose another name.")
        names.add(name.lower())
    return frozenset(names)


def _check_node(node: exp.Expr) -> None:
    kind = type(node)
    if kind is exp.Anonymous:
        name = str(node.this)
        if name.lower() not in _ALLOWED_BY_NAME:
            raise SqlRefused(f"The function {name} is not allowed in a list's query.")
    elif kind not in _ALLOWED:
        raise SqlRefused(_not_allowed(node))
    if isinstance(node, exp.With) and node.args.get("recursive"):
        raise SqlRefused("WITH RECURSIVE is not allowed in a list's query.")
    if isinstance(node, exp.Select):
        _check_select(node)
    if isinstance(node, exp.DataType) and node.this not in _TYPES:
        raise SqlRefused(f"The type {node.sql('postgres')} is not allowed in a list's query.")
    if isinstance(node, exp.Cast) and not isinstance(node.to, exp.DataType):
        raise SqlRefused(f"The type {node.to.sql('postgres')} is not allowed in a list's query.")


def _check_select(node: exp.Select) -> None:
    if node.args.get("into"):
        raise SqlRefused("SELECT INTO is not allowed: a list's query only reads.")
    if node.args.get("locks"):
        raise SqlRefused("FOR UPDATE and FOR SHARE are not allowed: a list's query only reads.")


def _check_table(table: exp.Table, named: frozenset[str]) -> None:
    name = table.name
    if not isinstance(table.this, exp.Identifier):
        raise SqlRefused(f"{table.this.sql('postgres')} is not allowed after FROM; name one of the views.")
    if not table.db and not table.catalog and name.lower() in named:
        return
    if table.catalog or table.db.lower() not in {"", SCHEMA} or name.lower() not in VIEWS:
        shown = ".".join(part for part in (table.catalog, table.db, name) if part)
        raise SqlRefused(f"There is no view {shown}. The views are: {', '.join(VIEWS)}.")
    table.set("this", exp.to_identifier(name.lower()))
    table.set("db", exp.to_identifier(SCHEMA))
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name.lower())))


def _not_allowed(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return f"The function {node.sql_name()} is not allowed in a list's query."
    if isinstance(node, exp.Into):
        return "SELECT INTO is not allowed: a list's query only reads."
    if isinstance(node, exp.Lock):
        return "FOR UPDATE and FOR SHARE are not allowed: a list's query only reads."
    if isinstance(node, exp.Insert | exp.Update | exp.Delete | exp.Merge):
        return f"{type(node).__name__.upper()} is not allowed: a list's query only reads."
    shown = node.sql(dialect="postgres", comments=False)
    return f"{shown[:80]!r} ({type(node).__name__}) is not allowed in a list's query."
