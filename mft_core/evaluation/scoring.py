"""Verdicts to scores: pass rates and means with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.evaluation.estimators import bootstrap_interval, pass_at_k, wilson_interval
from mft_core.evaluation.items import PASS, Judged
from mft_core.records import Score


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
