"""What a run is going to do, printed before it, and what came of it, printed after; made for 80 columns."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mft_cli.affinity_view import print_affinity
from mft_cli.plan_facts import AffinityFacts, PlanFacts, TaskFacts
from mft_core.run.affinity_words import affinity_lines
from mft_core.run.results import RunFacts
from mft_core.run.task_result import TaskResult
from mft_core.support import units
from mft_core.support.lists import first_few

MOST_ROWS = 24
STYLES = {"improved": "green", "worse": "red"}
NAME_WIDTH = 24


def print_plan(console: Console, plan: PlanFacts, all_tasks: bool = False) -> None:
    """Print what is about to happen; of many tasks some, or `all_tasks`."""
    _facts(console, _plan_rows(plan))
    _task_table(console, plan.tasks, plan.watched, all_tasks)
    _warnings(console, plan.warnings)


class _Fact(NamedTuple):
    label: str
    text: str
    style: str = ""
    whole: bool = False
    """A path or a command: never broken over lines, so that it can be copied."""


def _plan_rows(plan: PlanFacts) -> Iterable[_Fact]:
    yield _Fact("model", f"{plan.adapter}, base {plan.base}, {plan.dtype} on {plan.device}", "bold")
    yield _Fact("tuning", plan.tuning + _parameters(plan))
    options = ", ".join(f"{key}={_option(value)}" for key, value in plan.loss_options.items())
    yield _Fact("loss", plan.loss + (f" ({options})" if options else ""))
    if plan.probe:
        when = "every step" if plan.probe.every == 1 else f"every {plan.probe.every} steps"
        samples = units.counted(plan.probe.samples, f"{plan.probe.of} sample")
        passes = "one forward and backward" if plan.probe.gradients else "one forward"
        yield _Fact("probe", f"{samples}, {units.count(plan.probe.tokens)} tokens, {passes} {when}")
    if plan.affinity:
        yield _Fact("affinity", _affinity(plan.affinity))
    filled = f"{units.percent(plan.packing_efficiency)} of their room filled"
    yield _Fact("packing", f"{plan.packer}: {units.counted(plan.rows, 'row')}, {filled}")
    epochs = f"{plan.epochs:.3g} epoch{'s' * (plan.epochs != 1)}"
    each = f"{units.counted(plan.batch_rows, 'row')}, about {units.count(plan.tokens_per_step)} tokens each"
    by = f" of {plan.optimizer}" if plan.optimizer else ""
    yield _Fact("training", f"{units.counted(plan.steps, 'step')}{by}, {epochs}; {each}")
    if plan.memory is not None:
        recomputed = ", activations recomputed (gradient checkpointing)" if plan.gradient_checkpointing else ""
        yield _Fact("memory", f"about {units.memory(plan.memory)} expected{recomputed}")
    yield _Fact("output", str(plan.output) if plan.output else "none: nothing is written", whole=True)


def _affinity(facts: AffinityFacts) -> str:
    """How often who helps whom is measured, and what that costs."""
    times = f"{units.counted(facts.measurements, 'measurement')}, one every {units.counted(facts.every, 'step')}"
    steps = f" and {units.counted(facts.trial_steps, 'trial step')}" if facts.trial_steps else ""
    return (
        f"{times}: gradients of {units.counted(facts.samples, 'sample')}{steps}; {units.percent(facts.share)} more work"
    )


def _option(value: Any) -> str:
    """An option's value; one for each task, a few of them."""
    if not isinstance(value, Mapping):
        return str(value)
    return f"{{{first_few(f'{key}: {inner}' for key, inner in value.items())}}}"


def _parameters(plan: PlanFacts) -> str:
    if plan.trainable is None or not plan.total:
        return ""
    share = units.percent(plan.trainable / plan.total)
    return f": {units.count(plan.trainable)} of {units.count(plan.total)} parameters trained ({share})"


def _task_table(console: Console, tasks: Sequence[TaskFacts], watched: Sequence[TaskFacts], all_tasks: bool) -> None:
    some_have = ("left_out", "unseen", "dropped", "truncated", "split", "bad")
    lost = [key for key in some_have if any(getattr(task, key) for task in (*tasks, *watched))]
    weighed = ["weighted"] if any(task.weighted_tokens is not None for task in tasks) else []
    keys = ("train", "valid", "tokens", "supervised", *weighed, *lost)
    own = [key for key in ("weight", "repeat") if any(getattr(task, key) != 1 for task in tasks)]
    headings = [key.replace("_", " ") for key in keys]
    table = _table("task", *headings, *own)

    def sums(some: Sequence[TaskFacts]) -> list[str]:
        return [units.count(sum(getattr(task, key) for task in some)) for key in keys]

    shown = tasks if all_tasks or len(tasks) <= MOST_ROWS else tasks[: MOST_ROWS - 1]
    for task in shown:
        table.add_row(_name(console, task.name), *sums([task]), *(f"{getattr(task, key):.4g}" for key in own))
    if len(shown) < len(tasks):
        table.add_row(f"{len(tasks) - len(shown)} more tasks", *sums(tasks[len(shown) :]), style="dim")
    if len(tasks) > 1:
        table.add_section()
        table.add_row(f"all {len(tasks)} tasks", *sums(tasks), style="bold")
    if watched:
        table.add_section()
    seen = watched if all_tasks else watched[:MOST_ROWS]
    for task in seen:
        table.add_row(_watched(console, task.name), *sums([task]))
    if len(seen) < len(watched):
        table.add_row(f"{len(watched) - len(seen)} more watched tasks", *sums(watched[len(seen) :]), style="dim")
    console.print(table)
    if len(shown) < len(tasks) or len(seen) < len(watched):
        console.print(Text("every task: mft check ... --all-tasks", style="dim"), soft_wrap=True)


def print_result(console: Console, run: RunFacts, all_tasks: bool = False) -> None:
    """Print what came of a run: per task before and after, where the files are, how to use them.

    Of many tasks, those that lost most and those that gained most, or `all_tasks`.
    """
    console.print(_result_table(console, run, all_tasks))
    if run.scores:
        console.print(_score_table(console, run))
    _facts(console, _result_rows(run))
    if run.affinity:
        commands = [command for _, command in run.tests]
        print_affinity(console, affinity_lines(run.affinity), commands, "Who helps whom")
    _warnings(console, [f"step {step}: {message}" if step else message for step, message in run.warnings])


def _result_table(console: Console, run: RunFacts, all_tasks: bool) -> Table:
    table = _table("task", "before", "after", "change", "best at", "weight", "tokens")
    earlier = run.selected is not None and run.selected < run.step
    chosen = f"; after: at step {units.count(run.selected)}, which was selected" if earlier else ""
    table.title, table.title_style, table.title_justify = f"Validation loss, nats per token{chosen}", "bold", "left"
    shown = run.tasks if all_tasks else _most_telling(run.tasks)
    for task in shown:
        style = STYLES.get(task.verdict, "")
        table.add_row(
            _name(console, task.name),
            units.loss(task.before),
            units.loss(task.after),
            Text(units.percent(task.change, signed=True), style=style),
            units.count(task.best_step),
            units.weight(task.weight),
            units.percent(task.share),
        )
    if len(shown) < len(run.tasks):
        names = {task.name for task in shown}
        rest = [task for task in run.tasks if task.name not in names]
        better = sum(1 for task in rest if task.verdict == "improved")
        table.add_row(f"{len(rest)} more tasks", "", "", f"{better} better", "", "", "", style="dim")
    table.add_section()
    change = units.percent(run.change, signed=True)
    table.add_row("all tasks", units.loss(run.before), units.loss(run.after), change, "", "", "", style="bold")
    if run.watched:
        table.add_section()
    for task in run.watched if all_tasks else _most_telling(run.watched):
        changed = Text(units.percent(task.change, signed=True), style=STYLES.get(task.verdict, ""))
        measured = (units.loss(task.before), units.loss(task.after), changed, units.count(task.best_step))
        table.add_row(_watched(console, task.name), *measured, "", "")
    return table


def _score_table(console: Console, run: RunFacts) -> Table:
    table = _table("scored", "metric", "value", "n")
    for score in run.scores[:MOST_ROWS]:
        value = score.get("value")
        shown = units.MISSING if value is None else f"{value:.4g}"
        name, metric = (units.printable(str(score.get(key)), console.encoding) for key in ("task", "metric"))
        table.add_row(_name(console, name), metric, shown, units.count(score.get("n")))
    if len(run.scores) > MOST_ROWS:
        table.add_row(f"{len(run.scores) - MOST_ROWS} more, see the report", "", "", "", style="dim")
    return table


def _most_telling(tasks: Sequence[TaskResult]) -> Sequence[TaskResult]:
    """All tasks in order; of too many, those that lost most (or gained least) and then those that gained most."""
    if len(tasks) <= MOST_ROWS:
        return tasks
    half = (MOST_ROWS - 1) // 2
    measured = [(task.change, task) for task in tasks if task.change is not None]
    ranked = [task for _, task in sorted(measured, key=lambda pair: pair[0], reverse=True)]
    return [*ranked[:half], *ranked[half:][-half:]]


def _result_rows(run: RunFacts) -> Iterable[_Fact]:
    steps = units.count(run.step) + (f" of {units.count(run.steps)}" if run.steps is not None else "")
    again = f" and {units.count(run.extra_steps)} done again" if run.extra_steps else ""
    tokens = f", {units.count(run.tokens)} tokens" if run.tokens is not None else ""
    yield _Fact("run", f"{run.ending}; {steps} steps{again} in {units.duration(run.seconds)}{tokens}", "bold")
    if run.after is not None:
        yield _Fact("tasks", _verdicts(run))
    for order, (step, words) in enumerate(run.decisions):
        yield _Fact("" if order else "decided", f"step {step}: {words}")
    yield from _forgetting_rows(run)
    if run.random_weights:
        yield _Fact("", "started from random weights: for trying things out", "yellow")
    if run.skips:
        yield _Fact("", f"{units.counted(len(run.skips), 'step')} not taken; see metrics.jsonl", "yellow")
    yield _Fact("folder", str(run.run), whole=True)
    if run.final is not None:
        yield _Fact("weights", str(run.final), whole=True)
    if len(run.tasks) > MOST_ROWS:
        yield _Fact("every task", f"mft report {shlex.quote(str(run.run))} --all-tasks", whole=True)
    if (run.run / "report.html").exists():
        yield _Fact("report", str(run.run / "report.html"), whole=True)
    width = max(len(command) for _, command in run.commands)
    for order, (purpose, command) in enumerate(run.commands):
        yield _Fact("" if order else "next", f"{command:{width}}  # {purpose}", "cyan", whole=True)


def _verdicts(run: RunFacts) -> str:
    """How many tasks got better and worse, and how many changed by less than can be told."""
    worse, unclear = run.with_verdict("worse"), run.with_verdict("unclear")
    parts = [f"{run.improved} of {len(run.tasks)} improved"]
    parts += [f"{worse} worse"] if worse else []
    parts += [f"{unclear} changed by less than the noise of so few validation tokens"] if unclear else []
    return ", ".join(parts)


def _forgetting_rows(run: RunFacts) -> Iterable[_Fact]:
    """What the base could and the result cannot, the worst first, and what of it is more than was allowed."""
    if not run.forgetting:
        return
    worse = sum(1 for task in run.forgetting if task.verdict == "worse")
    told = (
        f"{task.name} {units.loss(task.before)} -> {units.loss(task.after)} ({units.percent(task.change, signed=True)})"
        for task in run.forgetting
    )
    judged = f"{worse} of {len(run.forgetting)} watched worse than the base by more than noise"
    yield _Fact("forgetting", f"{judged}: {first_few(told, of_what='tasks')}")
    if run.forgotten:
        beyond = (f"{task.name} {units.percent(task.change, signed=True)}" for task in run.forgotten)
        names = first_few(beyond, of_what="tasks")
        yield _Fact("", f"beyond train.max_forgetting ({run.max_forgetting:.1%}): {names}", "yellow")


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=len(others) > 6)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _facts(console: Console, facts: Iterable[_Fact]) -> None:
    """Labels and texts side by side."""
    listed = list(facts)
    indent = max(len(fact.label) for fact in listed) + 2
    for fact in listed:
        text = units.printable(fact.text, console.encoding)
        lines = [text] if fact.whole else textwrap.wrap(text, max(20, console.width - indent))
        console.print(Text.assemble((fact.label.ljust(indent), "dim"), (lines[0], fact.style)), soft_wrap=True)
        for line in lines[1:]:
            console.print(Text(" " * indent + line, style=fact.style), soft_wrap=True)


def _name(console: Console, name: str) -> Text:
    """A task's name on one line; where the table is too wide, this column gives way and the numbers stay whole."""
    shortened = units.shorten(units.printable(name, console.encoding), NAME_WIDTH)
    return Text(shortened, no_wrap=True, overflow="crop")


def _watched(console: Console, name: str) -> Text:
    """The name of a task that is only measured."""
    return Text.assemble(_name(console, name), (" watched", "dim"))


def _warnings(console: Console, warnings: Iterable[str]) -> None:
    for warning in warnings:
        text = f"warning: {units.printable(warning, console.encoding)}"
        console.print(Text(text, style="yellow"), soft_wrap=True)
