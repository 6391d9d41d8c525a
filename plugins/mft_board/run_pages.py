"""The pages on runs: all of them, one, and two side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mft_board.curves import charts, drawn, legend
from mft_board.index import BROKEN_OFF, DAMAGED, ENDED, RUNNING, Line, RunIndex, quiet_words
from mft_board.live import WatchedRun, WatchedRuns
from mft_board.pictures import change_strip, heat_map
from mft_board.places import COMPARISON, RUN, Place, Places
from mft_board.queries import number
from mft_board.rendering import render
from mft_core.run.affinity_words import affinity_as_json
from mft_core.run.results import RunFacts

PER_PAGE = 50
SECONDS_OF_READING = 1.5
MOST_TASKS = 24
MISSING = float("inf")
ORDERS = {
    "newest": lambda line: -line.changed,
    "best": lambda line: MISSING if line.best is None else line.best,
    "change": lambda line: MISSING if line.change is None else line.change,
    "name": lambda line: line.place.title,
}


class RunPages:
    """What is shown of runs.

    Args:
        places: where they are.
        watched: those that are looked at.
    """

    def __init__(self, places: Places, watched: WatchedRuns) -> None:
        self._places, self._watched = places, watched
        self._index = RunIndex(places)

    def table(self, query: Mapping[str, str]) -> str:
        """The part of the page of all runs that changes: those asked for, in their order."""
        lines, unread = self._index.lines(SECONDS_OF_READING)
        shown = [line for line in lines if _is_wanted(line, query)]
        order = query.get("order", "")
        shown.sort(key=ORDERS.get(order, ORDERS["newest"]))
        last = max(1, -(-len(shown) // PER_PAGE))
        page = min(max(1, number(query.get("page", ""))), last)
        comparisons = [place for place in self._places.all(COMPARISON) if _has(place.title, query.get("q", ""))]
        return render(
            "runs_table.jinja", lines=shown[PER_PAGE * (page - 1) : PER_PAGE * page], strip=change_strip,
            total=len(lines) + unread, found=len(shown), unread=unread, page=page, last=last, query=dict(query),
            comparisons=comparisons[:PER_PAGE], roots=self._places.roots,
        )  # fmt: skip

    def all(self, query: Mapping[str, str]) -> str:
        """The page of all runs."""
        return render(
            "runs.jinja", table=self.table(query), query=dict(query), orders=list(ORDERS),
            states=[RUNNING, ENDED, BROKEN_OFF, DAMAGED],
        )  # fmt: skip

    def one(self, place: Place) -> str:
        """The page of a run."""
        revision, part = self.part(place, False)
        others = [other for other in self._places.all(RUN) if other.key != place.key]
        return render("run.jinja", place=place, part=part, revision=revision, others=others[:1000])

    def part(self, place: Place, all_tasks: bool) -> tuple[str, str]:
        """The part of a run's page that changes, and what it stands for: made once for all who look at it.

        Raises:
            MftError: its log cannot be read.
        """
        run = self._watched.get(place)
        name = "all" if all_tasks else "some"
        with run.lock:
            revision = run.refresh()
            if run.rendered.get(name, ("", ""))[0] != revision:
                run.rendered[name] = revision, _run_part(place, run, all_tasks)
            return revision, run.rendered[name][1]

    def beside(self, one: Place, other: Place) -> str:
        """The page of two runs, their curves on the same scales."""
        runs = [self._watched.get(place) for place in (one, other)]
        facts, histories = [], []
        for run in runs:
            with run.lock:
                run.refresh()
                facts.append(run.facts())
                histories.append(run.history())
        end = max(each.steps or each.step for each in facts)
        shown = [charts(history, each.steps or each.step) for history, each in zip(histories, facts, strict=True)]
        pictures = [drawn(shown[0], end, shown[1]), drawn(shown[1], end, shown[0])]
        return render(
            "beside.jinja", places=(one, other), facts=facts, pairs=list(zip(*pictures, strict=True)),
            legends=[legend(history) for history in histories], tasks=_common(facts),
            states=[run.state for run in runs],
        )  # fmt: skip


def _run_part(place: Place, run: WatchedRun, all_tasks: bool) -> str:
    facts, history = run.facts(), run.history()
    end = facts.steps or facts.step
    affinity = affinity_as_json(facts.affinity, facts.tests) if facts.affinity else None
    tasks = facts.tasks if all_tasks else _telling(facts)
    return render(
        "run_part.jinja", place=place, facts=facts, state=run.state, tasks=tasks, more=len(facts.tasks) - len(tasks),
        quiet=quiet_words(facts.reason, run.changed), pictures=drawn(charts(history, end), end), legend=legend(history),
        heat=heat_map(affinity) if affinity else "", affinity=affinity["words"] if affinity else [],
        strip=change_strip([(task.name, task.change, task.verdict) for task in facts.tasks]),
        loss=_loss_words(facts),
    )  # fmt: skip


def _loss_words(facts: RunFacts) -> str:
    """The objective, as the start event names it."""
    loss = facts.start.get("loss", "")
    return str(loss.get("name", "")) if isinstance(loss, Mapping) else str(loss)


def _telling(facts: RunFacts) -> Sequence:
    """All tasks; of many those that lost most and gained most, in order."""
    if len(facts.tasks) <= MOST_TASKS:
        return facts.tasks
    known = sorted((task for task in facts.tasks if task.change is not None), key=lambda task: task.change or 0.0)
    kept = {task.name for task in [*known[: MOST_TASKS // 2], *known[-(MOST_TASKS // 2) :]]}
    return [task for task in facts.tasks if task.name in kept]


def _common(facts: Sequence[RunFacts]) -> list[tuple[str, list]]:
    """Every task of either run, with its result in both; None where it is no task of that one."""
    by_name = [{task.name: task for task in each.tasks} for each in facts]
    names = dict.fromkeys([*by_name[0], *by_name[1]])
    return [(name, [tasks.get(name) for tasks in by_name]) for name in names]


def _is_wanted(line: Line, query: Mapping[str, str]) -> bool:
    state, text = query.get("state", ""), query.get("q", "")
    if state and line.state != state:
        return False
    return _has(line.place.title, text) or any(_has(name, text) for name, _, _ in line.tasks)


def _has(text: str, part: str) -> bool:
    return part.casefold() in text.casefold()
