"""One call of `mft eval`: which evaluators with which options, one after another, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mft_core.errors import UsageError
from mft_core.evaluation.evaluator import EvaluationProgress, EvaluationRequest, Evaluator, ignore_progress
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.score_file import write_results
from mft_core.records import Score
from mft_core.support.ranks import rank_and_ranks
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    from mft_core.generation.answering import Answerer
    from mft_core.registry.catalog import Catalog
    from mft_core.run.evaluation_target import Target

PREFIX = "eval"


class Evaluated(Protocol):
    """A model that is evaluated, here or behind an endpoint: a `Target` or an `EndpointTarget`."""

    @property
    def reference(self) -> str:
        """As the command line names it."""
        ...

    @property
    def fingerprint(self) -> str:
        """What must be equal for an interrupted evaluation to go on: of the weights, where they are here."""
        ...

    @property
    def notices(self) -> Sequence[str]:
        """What to know of its data."""
        ...

    @property
    def answerer(self) -> Answerer:
        """What writes answers; loaded when it is first asked for."""
        ...

    @property
    def tasks(self) -> Target | None:
        """What has validation samples and the model that they are measured with; None: only answers can be had."""
        ...


@dataclass(frozen=True, slots=True)
class SamplesFile:
    """A file of samples that are judged instead of the model's own.

    Attributes:
        path: one {"task_id", "completion"} a line.
        raw: they are answers as a model wrote them, to be post-processed.
    """

    path: Path
    raw: bool = False


@dataclass(slots=True)
class EvaluationResult:
    """What an evaluation found: scores, and what was left out, in words."""

    scores: list[Score] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def choose_evaluators(
    names: Sequence[str],
    catalog: Catalog,
    recipe: Mapping[str, Mapping[str, Any]],
    settings: Sequence[tuple[str, Any]],
    flags: Mapping[str, Any],
) -> dict[str, Evaluator]:
    """The evaluators called `names`, built and checked.

    Args:
        recipe: options of the run's [[eval]], by name; the weakest.
        settings: (key, value) of `--set`, such as ("eval.humaneval.data", "HumanEval.jsonl").
        flags: options for all evaluators that have them; the strongest.

    Raises:
        UsageError: an unknown name, option or flag.
        MftError: an evaluator cannot work here, such as one whose set is not to be had.
    """
    given = {name: dict(recipe.get(name, {})) for name in dict.fromkeys(names)}
    for key, value in settings:
        name, option = _evaluator_and_option(key, list(given))
        given[name][option] = value
    known = {name: set(catalog.load("evaluator", name).Options.model_fields) for name in given}
    for flag in flags:
        if not any(flag in options for options in known.values()):
            raise UsageError(f"none of {', '.join(given)} has the option {flag!r}", "Leave it out.")
    chosen: dict[str, Evaluator] = {}
    for name, options in given.items():
        strongest = {flag: value for flag, value in flags.items() if flag in known[name]}
        chosen[name] = catalog.build("evaluator", name, {**options, **strongest}, f"{PREFIX}.{name}")
    for evaluator in chosen.values():
        evaluator.check()
    return chosen


def evaluate(
    evaluators: Mapping[str, Evaluator],
    target: Evaluated | None,
    folder: Path,
    samples: SamplesFile | None = None,
    on_progress: Callable[[EvaluationProgress], None] = ignore_progress,
    on_notice: Callable[[str], None] = lambda _: None,
) -> EvaluationResult:
    """Run evaluators on a run or a base, or on given samples.

    Args:
        evaluators: by the name of their folder.
        target: the model; may be None where `samples` are given.
        folder: for everything that is written; an interrupted evaluation there is continued.

    Raises:
        UsageError: neither a model nor samples; samples for an evaluator that judges none.
        MftError: an evaluator failed; what it had done is kept.
    """
    outcome = EvaluationResult()

    def notice(text: str) -> None:
        outcome.notices.append(text)
        on_notice(text)

    for text in target.notices if target else ():
        notice(text)
    for name, evaluator in evaluators.items():
        _check_inputs(name, evaluator, target, samples)
    for name, evaluator in evaluators.items():
        own = folder / name.replace("/", "-")
        outcome.scores += evaluator.evaluate(_request(own, target, samples, on_progress, notice))
    if rank_and_ranks()[0] == 0:
        name = target.reference if target else str(samples.path if samples else "")
        model = "" if samples or target is None else target.fingerprint
        write_results(folder, name, model, outcome.scores, outcome.notices)
    return outcome


def _request(
    folder: Path,
    target: Evaluated | None,
    samples: SamplesFile | None,
    on_progress: Callable[[EvaluationProgress], None],
    on_notice: Callable[[str], None],
) -> EvaluationRequest:
    tasks = target.tasks if target else None
    writes = target if samples is None else None
    return EvaluationRequest(
        folder=folder,
        model=writes.fingerprint if writes else "",
        answerer=writes.answerer if writes else None,
        samples_file=samples.path if samples else None,
        post_process_samples=bool(samples and samples.raw),
        validation=tasks.validation if tasks else None,
        records=tasks.records if tasks else None,
        own_answerers=tasks.own_assistants if tasks and writes else dict,
        on_progress=on_progress,
        on_notice=on_notice,
    )


def _check_inputs(name: str, evaluator: Evaluator, target: Evaluated | None, samples: SamplesFile | None) -> None:
    if target is None and samples is None:
        raise UsageError("nothing to evaluate", "Name a run folder or a base, or give --samples-file FILE.")
    if samples is not None and not isinstance(evaluator, GenerativeEvaluator):
        raise UsageError(f"{name} judges no samples", "Leave out --samples-file, or this evaluator.")


def _evaluator_and_option(key: str, names: Sequence[str]) -> tuple[str, str]:
    prefix, _, rest = key.partition(".")
    name, dot, option = rest.partition(".")
    if prefix != PREFIX or not dot:
        raise UsageError(f"--set {key}: expected eval.NAME.OPTION", "For example --set eval.humaneval.data=PATH")
    if name not in names:
        raise UsageError(f"--set {key}: {name!r} is not among the evaluators of --on", did_you_mean(name, names))
    return name, option
