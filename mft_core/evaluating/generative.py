"""An evaluator that has a model write answers and judges them: a small class says what, `pipeline` does the rest.

    class Riddles(GenerativeEvaluator):
        '''Riddles with one right word.'''

        name = "riddles"
        published = PublishedSet(files=("riddles.jsonl",), hub="me/riddles", hub_file="test.jsonl")

        def items(self, request):
            return [Item(str(row["id"]), row) for row in self.load()]

        def prompt(self, item):
            return [Turn("user", item.fields["question"])]

        def judge(self, item, completion):
            return Verdict.of(completion.strip().lower() == item.fields["answer"])

That has samples, temperature, batches, resumption, samples of others, pass@k with intervals, all files and tables.
Override `post_process`, `judge_many`, `aggregate`, `not_measured` or `check` where the set needs more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from mft_core.evaluating.estimators import bootstrap_interval, pass_at_k, wilson_interval
from mft_core.evaluating.protocol import Protocol
from mft_core.evaluating.request import EvaluationRequest
from mft_core.evaluating.sets import PublishedSet, load_set
from mft_core.generation import Prompt
from mft_core.interfaces import Evaluator, Options
from mft_core.records import Score

PASS, FAIL = "pass", "fail"
NOT_MEASURED = "not_measured"
"""Outcome of an answer that nothing here can score, such as an SQL query whose database is missing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One problem of a set.

    Attributes:
        task_id: as published; unique in the set. Samples refer to it.
        fields: the problem as published.
        group: the part of the set it is scored with, such as a language; "": the set has no parts.
    """

    task_id: str
    fields: Mapping[str, Any]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge found.

    Attributes:
        outcome: "pass", "fail", another of the sandbox's verdicts, or the evaluator's own word.
        score: 0 to 1; None: "not_measured", or the machine failed, which is tried again and never scored.
        detail: why, for whoever reads verdicts.jsonl.
        facts: what `aggregate` needs beside the score, JSON values only.
    """

    outcome: str
    score: float | None
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, passed: bool, detail: str = "") -> Verdict:
        """Pass or fail."""
        return cls(PASS if passed else FAIL, float(passed), detail)

    @property
    def final(self) -> bool:
        """Whether judging once more would find the same; `aggregate` sees no others."""
        return self.score is not None or self.outcome == NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One completion of one item, to be judged.

    Attributes:
        item: the problem.
        sample: 0 .. samples - 1.
        completion: post-processed.
    """

    item: Item
    sample: int
    completion: str


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt and what the judge found."""

    attempt: Attempt
    verdict: Verdict


class GenerativeOptions(Options):
    """Options every generative evaluator has; `mft eval`'s flags and `--set eval.NAME.KEY` set them."""

    data: str = Field("", description='the set: a file (.jsonl, .jsonl.gz, .parquet) or its folder; "": from the Hub')
    samples: int = Field(1, ge=1, description="answers to every problem")
    temperature: float = Field(0.0, ge=0, description="0: the likeliest token; else samples from the softened model")
    max_new_tokens: int = Field(512, ge=1, description="most tokens of an answer")
    limit: int = Field(0, ge=0, description="only the first N problems of each group; 0: all")
    batch_size: int = Field(32, ge=1, description="answers written at the same time, on each rank")
    seed: int = Field(0, description="of the sampling")


class GenerativeEvaluator(Evaluator):
    """A measure of what a model writes."""

    Options: ClassVar[type[Options]] = GenerativeOptions
    name: ClassVar[str]
    """The set's name in results; with a group, "name/group"."""
    published: ClassVar[PublishedSet | None] = None
    """Where the set is published; for `load`."""
    known_bad: ClassVar[Mapping[str, str]] = {}
    """Problems whose published solution does not pass, with the reason. They count like all others."""

    # What a new evaluator says.

    @abstractmethod
    def items(self, request: EvaluationRequest) -> list[Item]:
        """All problems, in the published order, each `task_id` once.

        Raises:
            MftError: the set is not to be had, or is not what it should be.
        """

    @abstractmethod
    def prompt(self, item: Item) -> Prompt:
        """What the model is given."""

    @abstractmethod
    def judge(self, item: Item, completion: str) -> Verdict:
        """What a completion is worth. Untrusted code runs in `mft_core.sandbox` only."""

    def stop_strings(self) -> tuple[str, ...]:
        """An answer ends where one of these begins."""
        return ()

    def post_process(self, item: Item, text: str) -> str:
        """The completion in an answer: by default, what stands before the first stop string."""
        return before_stop(text, self.stop_strings())

    def judge_many(self, attempts: Sequence[Attempt]) -> Iterator[Verdict]:
        """A verdict for every attempt, in their order; override to judge in parallel."""
        for attempt in attempts:
            yield self.judge(attempt.item, attempt.completion)

    def aggregate(self, judged: Sequence[Judged], protocol: str) -> list[Score]:
        """Scores of one group; by default pass@k for k = 1, 10, 100.

        Args:
            judged: each with a score, or "not_measured" (never empty), by item and sample.
            protocol: the identifier scores carry.
        """
        return pass_rates(self.title(judged[0].attempt.item.group), judged, protocol)

    def describe(self) -> Protocol:
        """Prompt form, shots, stop strings and post-processing; decoding is filled in."""
        return Protocol(form="published", stop=self.stop_strings(), post_processing="cut at the first stop string")

    def reference(self, item: Item) -> str | None:
        """The published solution as a completion; None where there is none. Must be judged as passing."""
        return None

    def not_measured(self) -> Mapping[str, str]:
        """Groups that cannot be measured on this machine, with the reason: reported so, never as 0."""
        return {}

    # What it can rely on.

    def load(self) -> list[dict[str, Any]]:
        """The rows of the published set, from `data` or the Hub."""
        return load_set(self.options.data, self.published, self.name)

    def title(self, group: str) -> str:
        """The name of a group in results."""
        return f"{self.name}/{group}" if group else self.name

    def check(self) -> None:
        """Load the set."""
        if self.published is not None or self.options.data:
            self.load()

    def evaluate(self, request: EvaluationRequest) -> list[Score]:
        """Generate, post-process, judge, score; see `pipeline`."""
        from mft_core.evaluating.pipeline import Pipeline

        return Pipeline(self, request).run()


def before_stop(text: str, stop: Sequence[str]) -> str:
    """`text` up to the first of the stop strings."""
    places = [place for word in stop if (place := text.find(word)) >= 0]
    return text[: min(places, default=len(text))]


def by_item(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The attempts of every problem, in the problems' order."""
    grouped: dict[str, list[Judged]] = {}
    for one in judged:
        grouped.setdefault(one.attempt.item.task_id, []).append(one)
    return grouped


def pass_rates(title: str, judged: Sequence[Judged], protocol: str, ks: Sequence[int] = (1, 10, 100)) -> list[Score]:
    """pass@k for every k that all problems have samples enough for.

    The interval is Wilson's where every problem has one sample, else a bootstrap over problems.
    """
    problems = [[one.verdict.outcome == PASS for one in attempts] for attempts in by_item(judged).values()]
    single = all(len(passed) == 1 for passed in problems)
    scores = []
    for k in [k for k in ks if k <= min(map(len, problems))]:
        rates = [pass_at_k(len(passed), sum(passed), k) for passed in problems]
        interval = wilson_interval(sum(rates), len(rates)) if single else bootstrap_interval(rates)
        value = sum(rates) / len(rates)
        scores.append(Score(title, f"pass@{k}", value, len(rates), protocol, interval, {"best": 1.0}))
    return scores


def mean_score(title: str, metric: str, judged: Sequence[Judged], protocol: str, best: float = 1.0) -> Score:
    """The mean over problems of the mean score of their samples, with a bootstrap interval over problems.

    Args:
        best: what the metric calls a perfect answer, such as 100.
    """
    problems = by_item(judged).values()
    means = [best * sum(one.verdict.score or 0.0 for one in problem) / len(problem) for problem in problems]
    interval, value = bootstrap_interval(means), sum(means) / len(means)
    return Score(title, metric, value, len(means), protocol, interval, {"best": best})
