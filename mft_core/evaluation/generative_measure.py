"""What the author of a generative evaluator says: items, prompts, judging, scoring."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import TypeVar

from mft_core.evaluation.evaluator import EvaluationRequest, Evaluator
from mft_core.evaluation.items import Attempt, Item, Judged, Verdict
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet, load_set
from mft_core.evaluation.scoring import before_stop, pass_rates
from mft_core.generation.answering import Prompt
from mft_core.records import Score
from mft_core.registry.options import Options, PathText


class GenerativeOptions(Options):
    """Options every generative evaluator has; `mft eval`'s flags and `--set eval.NAME.KEY` set them."""

    data: PathText = Field(
        "", description='the set: a file (.jsonl, .jsonl.gz, .parquet) or its folder; "": from the Hub'
    )
    samples: int = Field(1, ge=1, description="answers to every problem")
    temperature: float = Field(0.0, ge=0, description="0: the likeliest token; else samples from the softened model")
    max_new_tokens: int = Field(512, ge=1, description="most tokens of an answer")
    limit: int = Field(0, ge=0, description="only the first N problems of each group; 0: all")
    batch_size: int = Field(32, ge=1, description="answers written at the same time, on each rank")
    seed: int = Field(0, description="of the sampling")


SomeGenerativeOptions = TypeVar(
    "SomeGenerativeOptions", bound=GenerativeOptions, default=GenerativeOptions, covariant=True
)


class GenerativeMeasure(Evaluator[SomeGenerativeOptions]):
    """What its author says of a measure of what a model writes; `GenerativeEvaluator` carries it out."""

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

    def task_of(self, item: Item) -> str:
        """The run's task that the item is one of, as which it is asked; "": it is none of a run's."""
        return ""

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
