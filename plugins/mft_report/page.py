"""report.html: one page with everything about a run, needing nothing but itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core.run.affinity_words import affinity_lines
from mft_core.run.results import RunFacts
from mft_core.run.task_result import TaskResult
from mft_core.support import run_files, units
from mft_core.support.redact import redact

TEMPLATE = "report.html.jinja"
HISTOGRAMS = {"longer", "longer_tokens", "longer_supervised"}
SCORE_FIELDS = ("step", "task", "metric", "value", "n", "protocol")


def page(facts: RunFacts, figure: str, heat_map: str = "") -> str:
    """The page, without secrets.

    Args:
        facts: of the run.
        figure: an SVG element, taken as it is; everything else is escaped.
        heat_map: the same of who helps whom; "": not measured.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=units.count, loss=units.loss, percent=units.percent, perplexity=units.perplexity, bar=_bar, cell=_plain
    )
    text = environment.get_template(TEMPLATE).render(
        facts=facts,
        title=facts.run.resolve().name,
        ending=facts.ending,
        random_weights=facts.random_weights,
        headline=_headline(facts),
        model=_model(facts.start),
        columns=(columns := _data_columns(facts)),
        totals=[_total(facts, key) for key in columns],
        refused=[
            (task.name, line) for task in (*facts.tasks, *facts.watched) for line in task.data.get("examples", ())
        ],
        figure=Markup(figure),  # made by mft_report.curves, which writes names as outlines
        heat_map=Markup(heat_map),
        affinity=list(affinity_lines(facts.affinity)) if facts.affinity else [],
        skips=[(skip["step"], _skip(skip)) for skip in facts.skips],
        scores=[{key: _plain(score.get(key)) for key in SCORE_FIELDS} for score in facts.scores],
        commands=facts.commands,
        recipe=_text(facts.run / run_files.RECIPE),
        components=_text(facts.run / run_files.COMPONENTS),
    )
    return redact(text)


def _headline(facts: RunFacts) -> list[tuple[str, str, str]]:
    """(label, value, remark) of the large numbers."""
    steps = units.count(facts.step) + (f" of {units.count(facts.steps)}" if facts.steps is not None else "")
    loss = units.loss(facts.before if facts.after is None else facts.after)
    before = f"{units.loss(facts.before)} at step 0, {units.percent(facts.change, signed=True)}"
    improved = f"{facts.improved} of {len(facts.tasks)}" if facts.after is not None else units.MISSING
    seen = units.count(sum(task.seen for task in facts.tasks))
    hours = (facts.seconds or 0) >= 3600
    return [
        ("validation loss", loss, before if facts.change is not None else "over all tasks, nats per token"),
        ("tasks improved", improved, "validation loss below that of step 0 by more than its noise"),
        ("optimizer steps", steps, facts.ending),
        ("supervised tokens", seen, "trained on" if facts.tokens is None else f"of {units.count(facts.tokens)} tokens"),
        ("time", units.duration(facts.seconds), "hours:minutes:seconds" if hours else "minutes:seconds"),
    ]


def _model(start: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts of the "start" event beside the tasks, nested ones with dotted names."""
    rows: list[tuple[str, str]] = []

    def add(prefix: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if isinstance(value, Mapping):
                add(f"{prefix}{key}.", value)
            else:
                rows.append((f"{prefix}{key}".replace("_", " "), _plain(value)))

    add("", {key: value for key, value in start.items() if key not in ("event", "step", "tasks", "watched")})
    return rows


def _data_columns(facts: RunFacts) -> list[str]:
    """What the "start" event counts of a task: numbers, and numbers by reason; those that any task has.

    How long what is too long would be, which is a number for each of many lengths, is left to `--json`.
    """
    tasks = [task.data for task in (*facts.tasks, *facts.watched)]
    counted = {
        key for data in tasks for key, value in data.items() if value and isinstance(value, (int, float, Mapping))
    }
    return [key for key in dict.fromkeys(key for data in tasks for key in data) if key in counted - HISTOGRAMS]


def _total(facts: RunFacts, key: str) -> str:
    values = [task.data.get(key) or 0 for task in facts.tasks]
    if key in ("weight", "repeat"):
        return ""
    return _plain(sum(sum(value.values()) if isinstance(value, Mapping) else value for value in values))


def _skip(event: Mapping[str, Any]) -> str:
    parts = [f"{key}: {_plain(event[key])}" for key in ("tasks", "samples") if event.get(key)]
    return "; ".join([str(event.get("reason", "")), *parts])


def _plain(value: Any) -> str:
    if value is None:
        return units.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(inner)} {key}" for key, inner in value.items()) or "0"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else units.MISSING
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _bar(task: TaskResult) -> float:
    """Length of the bar beside a change: the change in percent, at most 100."""
    return min(100.0, abs(100 * (task.change or 0)))
