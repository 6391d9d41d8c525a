"""Rows of Spider, CSpider, CoSQL (and SParC), WikiSQL and BIRD, as published, made into questions of one kind."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mft_core.errors import MftError

Row = Mapping[str, Any]

ID_KEYS = ("id", "question_id")
HAN = re.compile(r"[\u4e00-\u9fff]")
AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<", "OP")
LARGEST_INTEGER = 2**62
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Question:
    """One question on one database.

    Attributes:
        task_id: unique in the set.
        text: the question.
        query: the published SQL.
        database: its id.
        earlier: the questions of the same conversation before it.
        evidence: knowledge beyond the schema, as BIRD gives it.
        interaction: the conversation it belongs to; "": none.
    """

    task_id: str
    text: str
    query: str
    database: str
    earlier: tuple[str, ...] = ()
    evidence: str = ""
    interaction: str = ""


def form_of(row: Row) -> str:
    """The set that such a row belongs to: spider, cspider, cosql, wikisql or bird.

    Raises:
        MftError: none of them has such rows.
    """
    if "interaction" in row:
        return "cosql"
    if isinstance(row.get("sql"), Mapping) and "sel" in row["sql"]:
        return "wikisql"
    if "SQL" in row:
        return "bird"
    if "query" in row and "question" in row:
        return "cspider" if HAN.search(str(row["question"])) else "spider"
    raise MftError(
        f"text2sql: rows with the fields {', '.join(sorted(row))} are of none of the sets it knows.",
        "Spider and CSpider have question, query, db_id; CoSQL interaction; WikiSQL sql, table_id; BIRD SQL.",
    )


def questions(form: str, rows: Sequence[Row], tables: Mapping[str, Row]) -> list[Question]:
    """All questions of a set, in its order.

    Args:
        form: what `form_of` gives.
        tables: WikiSQL's tables by id, whose headers name the columns of its queries.

    Raises:
        MftError: a row lacks what its set has.
    """
    made: list[Question] = []
    for number, row in enumerate(rows):
        task_id = next((str(row[key]) for key in ID_KEYS if key in row), str(number))
        try:
            made += _MAKERS[form](task_id, row, tables)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MftError(
                f"text2sql: row {number + 1} is not as in {form}: {type(error).__name__} {error}",
                "Give the set as published; --set eval.text2sql.form=NAME where it is taken for another.",
            ) from error
    return made


def table_of(row: Row, tables: Mapping[str, Row]) -> Row:
    """The table of a WikiSQL row: its own, or that of the tables file; {} where neither is there."""
    own = row.get("table")
    return own if isinstance(own, Mapping) else tables.get(table_id_of(row), {})


def table_id_of(row: Row) -> str:
    """Of a WikiSQL row; the Hub's copy has it in the table."""
    return str(row["table_id"] if "table_id" in row else row["table"]["id"])


def _spider(task_id: str, row: Row, _: Mapping[str, Row]) -> Iterator[Question]:
    yield Question(task_id, row["question"], row["query"], str(row["db_id"]))


def _bird(task_id: str, row: Row, _: Mapping[str, Row]) -> Iterator[Question]:
    yield Question(task_id, row["question"], row["SQL"], str(row["db_id"]), evidence=row.get("evidence") or "")


def _cosql(task_id: str, row: Row, _: Mapping[str, Row]) -> Iterator[Question]:
    database = str(row["database_id"] if "database_id" in row else row["db_id"])
    turns = row["interaction"]
    said = [str(turn["utterance"]) for turn in turns]
    for number, turn in enumerate(turns):
        name = f"{task_id}/{number}"
        yield Question(name, said[number], turn["query"], database, tuple(said[:number]), interaction=task_id)


def _wikisql(task_id: str, row: Row, tables: Mapping[str, Row]) -> Iterator[Question]:
    query = wikisql_query(row["sql"], table_id_of(row), table_of(row, tables))
    yield Question(task_id, row["question"], query, table_id_of(row))


_MAKERS: Mapping[str, Callable[[str, Row, Mapping[str, Row]], Iterator[Question]]] = {
    "spider": _spider,
    "cspider": _spider,
    "bird": _bird,
    "cosql": _cosql,
    "wikisql": _wikisql,
}
FORMS = tuple(_MAKERS)


def wikisql_query(logical: Mapping[str, Any], table_id: str, table: Row) -> str:
    """The SQL of a logical form: {"sel", "agg", "conds": [[column, operator, value]]}, or the Hub's form of it."""
    names, conditions = column_names(table), logical["conds"]
    if isinstance(conditions, Mapping):
        conditions = list(
            zip(conditions["column_index"], conditions["operator_index"], conditions["condition"], strict=True)
        )
    types = table.get("types") or ()

    def name(column: int) -> str:
        return quoted(names[column]) if names else f"col{column}"

    def clause(column: int, operator: int, value: Any) -> str:
        numeric = column < len(types) and types[column] == "real"
        return f"{name(column)} {OPERATORS[operator]} {_literal(value, numeric)}"

    aggregate = AGGREGATES[logical["agg"]]
    selected = f"{aggregate}({name(logical['sel'])})" if aggregate else name(logical["sel"])
    where = " AND ".join(clause(*condition) for condition in conditions)
    return f"SELECT {selected} FROM {table_name(table_id)}{' WHERE ' if where else ''}{where}"


def table_name(table_id: str) -> str:
    """How WikiSQL's own database calls a table: "1-10015132-11" is table_1_10015132_11."""
    return f"table_{re.sub(r'[^0-9A-Za-z]', '_', table_id)}"


def column_names(table: Row) -> list[str]:
    """The header of a WikiSQL table, a name that comes again with a number, as a database wants them."""
    names: list[str] = []
    for number, title in enumerate(table.get("header") or ()):
        name = str(title).strip() or f"col{number}"
        while name.lower() in (other.lower() for other in names):
            name += f" {number}"
        names.append(name)
    return names


def as_number(text: str) -> float | int | None:
    """The number that a cell or a condition of a numeric column holds, thousands separated or not; None: none."""
    plain = text.replace(",", "").strip()
    if not NUMBER.fullmatch(plain):
        return None
    number = float(plain)
    if not math.isfinite(number):
        return None
    return int(plain) if plain.lstrip("+-").isdigit() and abs(number) < LARGEST_INTEGER else number


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any, numeric: bool) -> str:
    number = as_number(str(value)) if numeric or isinstance(value, (int, float)) else None
    return repr(number) if number is not None else "'" + str(value).replace("'", "''") + "'"
