"""Code is judged in the sandbox, several at a time, in order; the sandbox's own failures are not scored."""

from __future__ import annotations

import pytest

from mft_core.evaluation.code import CodeEvaluator, CodeOptions, as_verdict
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Item
from mft_core.generation.answering import Prompt
from mft_core.sandbox import Limits, Outcome, Tier, available_tiers, run_program

needs_sandbox = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")


class Shell(CodeEvaluator):
    """Does the shell command succeed?"""

    name = "shell"

    def items(self, request: EvaluationRequest) -> list[Item]:
        return [Item("1", {})]

    def prompt(self, item: Item) -> Prompt:
        return "$ "

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        return run_program(["sh", "-c", completion], limits=limits, tier=tier)


@needs_sandbox
def test_verdicts_are_in_order_and_those_of_the_programs() -> None:
    evaluator = Shell(CodeOptions(workers=2))
    commands = ["sleep 0.3", "exit 3", "true", "exit 1"]
    verdicts = list(evaluator.judge_many([Attempt(Item("1", {}), 0, command) for command in commands]))
    assert [verdict.outcome for verdict in verdicts] == ["pass", "fail", "pass", "fail"]
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 1.0, 0.0]
    assert evaluator.judge(Item("1", {}), "true").score == 1.0


def test_a_failure_of_the_sandbox_is_no_score() -> None:
    assert as_verdict(Outcome("infra_error", detail="no memory")).score is None
    assert as_verdict(Outcome("oom")).score == 0.0
    assert not as_verdict(Outcome("infra_error")).final


def test_the_clock_gives_more_time_than_the_processor() -> None:
    limits = Shell(CodeOptions(timeout=2.5)).limits()
    assert (limits.seconds, limits.cpu_seconds) == (7.5, 3)
