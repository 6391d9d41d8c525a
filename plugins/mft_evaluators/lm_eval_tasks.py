"""Tasks of EleutherAI's lm-evaluation-harness on our model: MMLU, C-Eval, CMNLI and hundreds more."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.interfaces import Evaluator, Options, PathText
from mft_core.records import Score

NORMAL_QUANTILE = 1.96
SEEDS = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")


class LmEvalOptions(Options):
    """Options of lm-eval."""

    tasks: list[str] = Field([], description='names of the harness\'s tasks, such as ["mmlu", "ceval-valid"]')
    folder: PathText = Field("", description="a folder with further task definitions (YAML)")
    shots: int = Field(-1, ge=-1, description="solved examples in the prompt; -1: as the task has it")
    limit: int = Field(0, ge=0, description="only the first N problems of each task; 0: all")
    batch_size: int = Field(8, ge=1, description="requests at the same time")
    chat: bool = Field(False, description="lay prompts out with the tokenizer's chat template")
    seed: int = Field(0, description="of the choice of examples and of intervals")


class LmEval(Evaluator[LmEvalOptions]):
    """Scores of lm-evaluation-harness, with its own metrics and protocols; 95% intervals from its standard errors."""

    def check(self) -> None:
        """Look up the tasks.

        Raises:
            UsageError: none is named, or there is no such task.
        """
        if not self.options.tasks:
            raise UsageError(
                "lm-eval: which tasks?", "--set 'eval.lm-eval.tasks=[\"mmlu\"]'; `lm_eval ls tasks` has all"
            )
        known = self._manager().all_tasks
        if unknown := [name for name in self.options.tasks if name not in known]:
            raise UsageError(f"lm-eval has no task {unknown[0]!r}", "`lm_eval ls tasks` lists them")

    def evaluate(self, request: EvaluationRequest) -> list[Score]:
        """Run the tasks.

        Raises:
            UsageError: there is no model.
            MftError: the harness failed, such as for a data set that cannot be fetched.
        """
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        from mft_core.generation.assistant import Assistant
        from mft_core.nn.modes import evaluation_mode

        if not isinstance(request.answerer, Assistant):
            raise UsageError("lm-eval needs a model in this process", "Name a run folder or a base.")
        logging.getLogger("lm_eval").setLevel(logging.WARNING)
        options, model = self.options, request.answerer.model
        try:
            with evaluation_mode(model):
                harnessed = HFLM(
                    pretrained=model,
                    tokenizer=request.answerer.tokenizer,
                    batch_size=options.batch_size,
                    max_length=getattr(model.config, "max_position_embeddings", None),
                )
                found = simple_evaluate(
                    model=harnessed,
                    tasks=list(options.tasks),
                    num_fewshot=None if options.shots < 0 else options.shots,
                    limit=options.limit or None,
                    apply_chat_template=options.chat,
                    task_manager=self._manager(),
                    log_samples=False,
                    **dict.fromkeys(SEEDS, options.seed),
                )
        except Exception as error:  # its tasks raise errors of many libraries
            raise MftError(
                f"lm-eval failed: {type(error).__name__}: {error}",
                "Are its data sets within reach, and its tasks right?",
            ) from error
        return list(self._scores(found))

    def _manager(self) -> Any:
        from lm_eval.tasks import TaskManager

        return TaskManager(include_path=self.options.folder or None)

    def _scores(self, found: Mapping[str, Any]) -> Iterator[Score]:
        from importlib.metadata import version

        for task, values in found["results"].items():
            shots, counts = found["n-shot"].get(task), found["n-samples"].get(task, {})
            form = "chat" if self.options.chat else "text"
            protocol = f"lm-eval {version('lm_eval')}, version {found['versions'].get(task)}, {shots}-shot, {form}"
            for key, value in values.items():
                metric, comma, filtering = key.partition(",")
                if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                    continue
                error = values.get(f"{metric}_stderr,{filtering}")
                name = metric if filtering == "none" else f"{metric} ({filtering})"
                yield Score(
                    task, name, float(value), int(counts.get("effective", 0)), protocol, _interval(value, error)
                )


def _interval(value: float, error: Any) -> tuple[float, float] | None:
    if not isinstance(error, int | float) or not math.isfinite(error):
        return None
    return value - NORMAL_QUANTILE * error, value + NORMAL_QUANTILE * error
