"""DS-1000: 1000 data science problems in seven libraries (Lai et al. 2022, arXiv 2211.11501)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.evaluation.code import CodeEvaluator, CodeOptions
from mft_core.evaluation.code_blocks import code_blocks
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet, find_set
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.answering import Prompt
from mft_core.records import Turn
from mft_evaluators import shared_process
from mft_evaluators.ds1000_environment import LIBRARIES, Environment, environment, installed_versions, lacking
from mft_evaluators.ds1000_files import answers_in, problem_number, read_archive

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

STOP = ("</code>", "# SOLUTION END", "\nEND SOLUTION", "\n```")
INSTRUCTION = "{}\n\nAnswer with one Python code block that holds only the lines to be put in."
ON_REQUEST = "; --shared-process opens what programs leave beside the tests, where it can make them hold"
FEW = 0.1
"""Share of a library's problems: a module that no more of them import stops only these from being measured."""
MATPLOTLIB = "Matplotlib"
MEBIBYTE, GIBIBYTE = 2**20, 2**30


class Ds1000Options(CodeOptions):
    """Options of DS-1000."""

    protocol: Literal["completion", "chat"] = Field(
        "completion", description="completion: the prompt as published is continued; chat: a user asks for the lines"
    )
    timeout: float = Field(60.0, gt=0, description="seconds that all test cases of one completion may take")
    python: str = Field(
        "", description="interpreter with the libraries (pandas<2, numpy<1.24, ...), for the sandbox; '': this one's"
    )
    shared_process: bool = Field(False, description=shared_process.DESCRIPTION)
    any_version: bool = Field(False, description="measure with later libraries, too: right answers may then fail")


class Ds1000(CodeEvaluator[Ds1000Options]):
    """pass@k on DS-1000, by library. Needs, of the published environment's time, and readable to every user:

    NumPy, pandas, SciPy, scikit-learn, Matplotlib (with seaborn and Pillow), PyTorch and TensorFlow; xgboost,
    statsmodels and gensim for single problems. A library's problems are not measured where what many of them import is
    missing or too new; single ones with further needs are left out and told.

    `data` is the folder with ds1000_completion.jsonl(.gz) and the inputs and answers, ds1000_io.tar.xz or the folder
    ds1000_io. These are pickles: they are opened in the sandbox only.
    """

    name = "ds1000"
    published = PublishedSet(
        files=("ds1000_completion", "ds1000"),
        required=("task_id", "prompt", "code_context", "canonical_solution", "test", "lib"),
    )
    _needs: Mapping[str, frozenset[str]] = {}
    _without_plain_form: Mapping[str, str] = {}

    def items(self, request: EvaluationRequest) -> list[Item]:
        """The problems, library by library as published; those without inputs or answers are counted and told."""
        rows = self.load()
        whole = [row for row in rows if row.get("io_complete", True) and self._cases(row)]
        if len(whole) < len(rows):
            request.on_notice(f"ds1000: {len(rows) - len(whole)} problems lack inputs or answers and are left out")
        self._needs = _shared_modules(whole)
        items = [Item(str(row["task_id"]), row, row["lib"]) for row in self._possible(whole, request)]
        return self._judgeable(items, request)

    def not_measured(self) -> Mapping[str, str]:
        """Libraries whose problems cannot run here, with what is missing; plots, whose tests run in the program."""
        versions = self._versions()
        reasons = {lib: lacking(modules, versions, self.options.any_version) for lib, modules in self._needs.items()}
        if MATPLOTLIB in reasons and not self.options.shared_process:
            reasons[MATPLOTLIB] = reasons[MATPLOTLIB] or shared_process.NOT_MEASURED
        return {lib: reason for lib, reason in reasons.items() if reason}

    def _judgeable(self, items: Sequence[Item], request: EvaluationRequest) -> list[Item]:
        """Without the problems that have an answer without plain form, unless their pickles may be opened."""
        self._without_plain_form = self._found_without_plain_form(items)
        if self.options.shared_process:
            return list(items)
        counts = Counter((it.group, self._without_plain_form.get(it.task_id, "")) for it in items)
        for (library, why), count in counts.items():
            if why:
                request.on_notice(f"ds1000: {count} problems of {library} are not measured: {why}{ON_REQUEST}")
        return [item for item in items if item.task_id not in self._without_plain_form]

    def _found_without_plain_form(self, items: Sequence[Item]) -> dict[str, str]:
        """The reason by problem, of those that can be measured here."""
        from mft_core.sandbox import best_tier
        from mft_evaluators.ds1000_judging import Judging

        judging = Judging(self._environment, self.limits(), best_tier(unsafe_local=self.options.unsafe_local))
        left = self.not_measured().keys() | {MATPLOTLIB}
        cases = [(it, case) for it in items if it.group not in left for case in self._cases(it.fields)]
        reasons = judging.without_plain_form([self._pickle(it.fields, "ans", case) for it, case in cases])
        return {it.task_id: why for (it, _), why in zip(cases, reasons, strict=True) if why}

    def _possible(self, rows: Sequence[Mapping[str, Any]], request: EvaluationRequest) -> list[Mapping[str, Any]]:
        """Without the problems that import more than others of their library do, and what is missing here."""
        kept, versions = [], self._versions()
        left_out: Counter[str] = Counter()
        for row in rows:
            shared = self._needs[row["lib"]]
            why = lacking(_modules(row) - shared, versions, self.options.any_version)
            if why and not lacking(shared, versions, self.options.any_version):
                left_out[f"{row['lib']}: {why}"] += 1
            else:
                kept.append(row)
        for why, count in left_out.items():
            request.on_notice(f"ds1000: {count} problems are left out of {why}")
        return kept

    def prompt(self, item: Item) -> Prompt:
        """The prompt as published, or a user's message around it."""
        if self.options.protocol == "completion":
            return item.fields["prompt"]
        return [Turn("user", INSTRUCTION.format(item.fields["prompt"]))]

    def stop_strings(self) -> tuple[str, ...]:
        """The published ones, and the end of a code block."""
        return STOP if self.options.protocol == "completion" else ()

    def post_process(self, item: Item, text: str) -> str:
        """The lines to be put in."""
        if self.options.protocol == "completion":
            return before_stop(text, STOP)
        blocks = [block.code for block in code_blocks(text)]
        return before_stop(blocks[-1] if blocks else text, STOP)

    def describe(self) -> Protocol:
        """The published prompt, or the instruction; and the libraries' versions, which decide what is right."""
        versions = " ".join(f"{name} {version}" for name, version in sorted(self._versions().items()))
        versions += f", {shared_process.NOTE}" if self.options.shared_process else ""
        if self.options.protocol == "completion":
            return Protocol("completion", versions, stop=STOP, post_processing="cut at the first stop string")
        return Protocol("chat", f"{INSTRUCTION} {versions}", post_processing="the last code block (rule 2)")

    def reference(self, item: Item) -> str:
        """The published lines."""
        return item.fields["canonical_solution"]

    def check(self) -> None:
        """Load the set, find a sandbox and an interpreter in it."""
        super().check()
        self._versions()

    def limits(self) -> Limits:
        """Libraries are large."""
        return replace(
            super().limits(), memory_bytes=4 * GIBIBYTE, address_space_bytes=32 * GIBIBYTE, output_bytes=64 * MEBIBYTE
        )

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """The program in one sandbox, the published test on the plain data that it leaves in another."""
        from mft_evaluators.ds1000_judging import Judging, Problem

        row = item.fields
        cases = self._cases(row)
        problem = Problem(
            program=row["code_context"].replace("[insert]", completion),
            completion=completion,
            test=row["test"],
            inputs={case: self._pickle(row, "input", case) for case in cases},
            answers={case: self._pickle(row, "ans", case) for case in cases},
            picture=self._archive.get(f"{row['lib']}/ans_{problem_number(row)}/oracle_plot.png", b""),
        )
        judging = Judging(self._environment, limits, tier)
        if item.group == MATPLOTLIB:
            return judging.plot(problem)
        return judging.results(problem, pickles=item.task_id in self._without_plain_form)

    @cached_property
    def _environment(self) -> Environment:
        return environment(self.options.python)

    def _versions(self) -> dict[str, str]:
        from mft_core.sandbox import best_tier

        return installed_versions(self._environment, best_tier(unsafe_local=self.options.unsafe_local))

    @cached_property
    def _archive(self) -> Mapping[str, bytes]:
        """Inputs and answers by path, such as "Numpy/input_1/input1.pkl"; never unpickled here."""
        if not self.options.data:
            raise UsageError("where the set 'ds1000' lies is not given", "Say it: --set eval.ds1000.data=FOLDER")
        folder = find_set(Path(self.options.data).expanduser(), self.published, self.name).parent
        return read_archive(folder)

    def _cases(self, row: Mapping[str, Any]) -> list[str]:
        """The numbers of the test cases that have an answer and an input."""
        numbers = self._answers.get(f"{row['lib']}/ans_{problem_number(row)}", [])
        return [str(number) for number in sorted(numbers) if self._pickle(row, "input", str(number))]

    @cached_property
    def _answers(self) -> Mapping[str, list[int]]:
        return answers_in(self._archive)

    def _pickle(self, row: Mapping[str, Any], kind: str, case: str) -> bytes:
        return self._archive.get(f"{row['lib']}/{kind}_{problem_number(row)}/{kind}{case}.pkl", b"")


def _shared_modules(rows: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """By library, the modules that more than a few of its problems import."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["lib"], Counter()).update(_modules(row))
    sizes = Counter(row["lib"] for row in rows)
    return {lib: frozenset(it for it, n in found.items() if n > FEW * sizes[lib]) for lib, found in counts.items()}


def _modules(row: Mapping[str, Any]) -> frozenset[str]:
    """The libraries that a problem's program, test and solution import."""
    source = "\n".join((row["code_context"], row["test"], row["canonical_solution"]))
    imported = re.findall(r"^[ \t]*(?:import|from)[ \t]+(\w+)", source, re.MULTILINE)
    return frozenset(imported) & LIBRARIES.keys()
