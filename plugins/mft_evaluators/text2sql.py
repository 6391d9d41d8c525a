"""Questions on databases, answered in SQL: Spider, CSpider, CoSQL (and SParC), WikiSQL and BIRD."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mft_core.errors import MftError
from mft_core.evaluation.estimators import bootstrap_interval, wilson_interval
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.generative_measure import GenerativeOptions
from mft_core.evaluation.items import NOT_MEASURED, PASS, Attempt, Item, Judged, Verdict
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet
from mft_core.evaluation.scoring import before_stop, by_item
from mft_core.generation.answering import Prompt
from mft_core.interfaces import PathText
from mft_core.records import Score, Turn
from mft_evaluators.bleu import bleu_counts, bleu_score, signature
from mft_evaluators.sql.databases import Databases, FolderDatabases, TableDatabases, find_databases, find_tables
from mft_evaluators.sql.execution import Comparison, compare
from mft_evaluators.sql.questions import Question, form_of, questions, table_id_of, table_of
from mft_evaluators.sql.syntax import LONGEST, Reading, read_queries

REQUEST = "Write a SQL query: "
FIRST_WORD = "SELECT"
COMMENT = "-- "
STOP = (";", "\n\n", f"\n{COMMENT.strip()}", "\n```")
CODE_BLOCK = re.compile(r"```[a-zA-Z]*\n(.*?)(?:```|\Z)", re.DOTALL)
STATEMENT = re.compile(r"""(?:[^;'"]|'[^']*'|"[^"]*")*""")
SLICE = 16
"""Answers on one database that are judged one after another; slices are judged at the same time."""


class Text2SqlOptions(GenerativeOptions):
    """Options of text2sql."""

    form: Literal["auto", "spider", "cspider", "cosql", "wikisql", "bird"] = Field(
        "auto", description="which set's form the rows have; auto: told by their fields"
    )
    tables: PathText = Field("", description='the tables file, such as tables.json; "": looked for beside the set')
    databases: PathText = Field(
        "", description='folder of DB_ID/DB_ID.sqlite or DB_ID.sqlite; "": looked for beside the set'
    )
    protocol: Literal["chat", "completion"] = Field(
        "chat", description="chat: a user gives the schema and asks; completion: the same in SQL comments, then SELECT"
    )
    timeout: float = Field(5.0, gt=0, description="seconds that a query may take")
    workers: int = Field(0, ge=0, description="databases queried at the same time; 0: one per core")


class Text2Sql(GenerativeEvaluator[Text2SqlOptions]):
    """Execution accuracy, logic accuracy, syntax and BLEU of SQL for questions on databases.

    Execution accuracy: on the database both queries give the same rows equally often, in the same order where the
    published one ends with ORDER BY, columns in the same order whatever their names. Numbers are compared as numbers,
    1 and 1.0 are the same, others at ten significant digits; text is not a number; NULL is only NULL. Questions whose
    database is missing, or whose published query does not run on it, are not measured, and counted.

    Logic accuracy: both queries are the same text once white space, quotes and the case of keywords and names are.
    """

    name = "text2sql"
    published = PublishedSet(
        files=("spider_dev", "dev", "cspider_dev", "cosql_dev", "sparc_dev", "mini_dev_sqlite", "test"),
        hub="xlangai/spider",
        hub_file="spider/validation-00000-of-00001.parquet",
    )

    def items(self, request: EvaluationRequest) -> list[Item]:
        """The questions, in the published order; a conversation's one by one, as ID/TURN."""
        form, found, databases = self._set
        return [
            Item(
                one.task_id,
                {
                    **asdict(one),
                    "schema": str(databases.schema(one.database) or ""),
                    "database_digest": databases.digest(one.database),
                },
                form,
            )
            for one in found
        ]

    def check(self) -> None:
        """Read the set and find its databases."""
        assert self._set

    def prompt(self, item: Item) -> Prompt:
        """Schema, evidence, earlier questions and the question.

        Raises:
            MftError: there is no schema.
        """
        fields = item.fields
        if not fields["schema"]:
            raise MftError(
                f"text2sql: nothing tells the tables of database {fields['database']!r} (question {item.task_id}).",
                "Give them: --set eval.text2sql.tables=tables.json, or --set eval.text2sql.databases=FOLDER",
            )
        lines = [fields["schema"]]
        lines += [f"Hint: {fields['evidence']}"] if fields["evidence"] else []
        lines += [f"Earlier question: {text}" for text in fields["earlier"]]
        asked = "\n".join([*lines, f"{REQUEST}{fields['text']}"])
        if self.options.protocol == "chat":
            return [Turn("user", asked)]
        return "".join(f"{COMMENT}{line}\n" for line in asked.splitlines()) + FIRST_WORD

    def stop_strings(self) -> tuple[str, ...]:
        """The end of a statement; a chat model ends its turn itself."""
        return STOP if self.options.protocol == "completion" else ()

    def post_process(self, item: Item, text: str) -> str:
        """The first statement, of the last code block if there is one."""
        if self.options.protocol == "completion":
            return f"{FIRST_WORD}{before_stop(text, STOP)}".strip()
        blocks = CODE_BLOCK.findall(text)
        return first_statement(blocks[-1] if blocks else text.strip().partition("\n\n")[0])

    def describe(self) -> Protocol:
        """Schema in lines, then the question."""
        chat = self.options.protocol == "chat"
        return Protocol(
            self.options.protocol,
            template=f"schema, hint, earlier questions, {REQUEST}" + ("" if chat else f"as comments, {FIRST_WORD}"),
            stop=self.stop_strings(),
            post_processing="first statement of the last code block" if chat else "cut at the first stop string",
        )

    def reference(self, item: Item) -> str:
        """The published query."""
        return item.fields["query"]

    def judge(self, item: Item, completion: str) -> Verdict:
        """The verdict on one query."""
        return next(self.judge_many([Attempt(item, 0, completion)]))

    def judge_many(self, attempts: Sequence[Attempt]) -> Iterator[Verdict]:
        """Run each query on its database, in a process of its own; and compare it with the published one as text."""
        golds = [it.item.fields["query"] for it in attempts]
        columns = [self._columns(it.item.fields["database"]) for it in attempts] * 2
        readings = read_queries([*(it.completion for it in attempts), *golds], columns)
        answers, expected = readings[: len(attempts)], readings[len(attempts) :]
        executed = self._execute(attempts, [_ordered(*pair) for pair in zip(golds, expected, strict=True)])
        for attempt, verdict, answer, gold in zip(attempts, executed, answers, expected, strict=True):
            yield replace(verdict, facts=self._facts(attempt, answer, gold))

    def aggregate(self, judged: Sequence[Judged], protocol: str) -> list[Score]:
        """Execution accuracy on what could be executed; the rest on all."""
        title = self.title(judged[0].attempt.item.group)
        executed = [one for one in judged if one.verdict.outcome != NOT_MEASURED]
        bleu = f"{protocol}, {signature(self._bleu)}"
        passed = [[one.verdict.outcome == PASS for one in problem] for problem in by_item(executed).values()]
        return [
            _share(title, "execution accuracy", passed, protocol, judged),
            *self._interaction_score(title, executed, protocol),
            _share(title, "logic accuracy", _facts_of(judged, "same"), protocol),
            _share(title, "valid syntax", _facts_of(judged, "valid"), protocol),
            bleu_score(title, "BLEU", judged, "bleu", bleu),
            bleu_score(title, "BLEU, normalised", judged, "normalised_bleu", bleu),
        ]

    @cached_property
    def _bleu(self) -> Any:
        from sacrebleu.metrics import BLEU

        return BLEU()

    @cached_property
    def _set(self) -> tuple[str, list[Question], Databases]:
        options, rows = self.options, self.load()
        form = form_of(rows[0]) if options.form == "auto" else options.form
        data = Path(options.data).expanduser() if options.data else None
        if form != "wikisql":
            found = questions(form, rows, {})
            wanted = {one.database for one in found}
            tables = find_tables(options.tables, data, wanted)
            return form, found, FolderDatabases(find_databases(options.databases, data, wanted), tables)
        tables = find_tables(options.tables, data, {table_id_of(row) for row in rows if "table" not in row})
        own = {table_id_of(row): table_of(row, tables) for row in rows}
        return form, questions(form, rows, tables), TableDatabases(own)

    def _columns(self, database: str) -> list[str]:
        schema = self._set[2].schema(database)
        return schema.columns if schema else []

    def _execute(self, attempts: Sequence[Attempt], ordered: Sequence[bool]) -> list[Verdict]:
        databases = self._set[2]
        verdicts = [Verdict(NOT_MEASURED, None)] * len(attempts)
        places: dict[str, list[int]] = {}
        for number, attempt in enumerate(attempts):
            places.setdefault(attempt.item.fields["database"], []).append(number)
        jobs = []
        for database, numbers in places.items():
            paths = databases.paths(database)
            for number in () if paths else numbers:
                verdicts[number] = Verdict(NOT_MEASURED, None, f"database {database!r} is missing")
            starts = range(0, len(numbers) if paths else 0, SLICE)
            jobs += [(paths, numbers[start : start + SLICE]) for start in starts]

        def run(job: tuple[tuple[Path, ...], list[int]]) -> list[Verdict]:
            paths, numbers = job
            queries = [(attempts[place].item.fields["query"], attempts[place].completion) for place in numbers]
            compared = [Comparison(*pair, ordered[place]) for pair, place in zip(queries, numbers, strict=True)]
            return compare(paths, compared, self.options.timeout)

        with ThreadPoolExecutor(self.options.workers or os.cpu_count() or 1) as pool:
            for (_, numbers), found in zip(jobs, pool.map(run, jobs), strict=True):
                for number, verdict in zip(numbers, found, strict=True):
                    verdicts[number] = verdict
        return verdicts

    def _facts(self, attempt: Attempt, answer: Reading, gold: Reading) -> dict[str, Any]:
        text = attempt.completion[:LONGEST]
        return {
            "valid": answer.valid,
            "same": answer.normal == gold.normal,
            "bleu": bleu_counts(self._bleu, text, attempt.item.fields["query"]),
            "normalised_bleu": bleu_counts(self._bleu, answer.normal[:LONGEST], gold.normal),
        }

    def _interaction_score(self, title: str, executed: Sequence[Judged], protocol: str) -> list[Score]:
        """The share of conversations of which all questions are answered rightly; [] where there are none."""
        conversations: dict[tuple[str, int], list[bool]] = {}
        for one in executed:
            if name := one.attempt.item.fields["interaction"]:
                conversations.setdefault((name, one.attempt.sample), []).append(one.verdict.outcome == PASS)
        by_name: dict[str, list[bool]] = {}
        for (name, _), passed in conversations.items():
            by_name.setdefault(name, []).append(all(passed))
        return [_share(title, "interaction accuracy", list(by_name.values()), protocol)] if by_name else []


def first_statement(text: str) -> str:
    """`text` up to the first semicolon outside of quotes, without white space around it."""
    found = STATEMENT.match(text)
    end = found.end() if found else 0
    return (text[:end] if text[end : end + 1] == ";" else text).strip()


def _ordered(gold: str, reading: Reading) -> bool:
    return reading.ordered if reading.valid else "order by" in gold.lower()


def _facts_of(judged: Sequence[Judged], fact: str) -> list[list[bool]]:
    return [[bool(one.verdict.facts[fact]) for one in problem] for problem in by_item(judged).values()]


def _share(
    title: str, metric: str, problems: Sequence[Sequence[bool]], protocol: str, judged: Sequence[Judged] = ()
) -> Score:
    """The mean over problems of the share of their samples; Wilson's interval where each has one, else a bootstrap."""
    if not problems:
        why = "; ".join(dict.fromkeys(one.verdict.detail for one in judged))
        return Score(title, metric, math.nan, 0, protocol, details={"not_measured": why})
    means = [sum(problem) / len(problem) for problem in problems]
    single = all(len(problem) == 1 for problem in problems)
    interval = wilson_interval(sum(means), len(means)) if single else bootstrap_interval(means)
    return Score(title, metric, sum(means) / len(means), len(means), protocol, interval, {"best": 1.0})
