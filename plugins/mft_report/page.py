"""report.html: one page with everything about a run, needing nothing but itself."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core import units
from mft_core.results import RunFacts, TaskResult

TEMPLATE = "report.html.jinja"

ENDINGS = {
    None: "no end recorded: still running, or killed",
    "done": "finished",
    "interrupted": "interrupted by the user; can be resumed",
    "terminated": "terminated from outside after saving; can be resumed",
}


def page(facts: RunFacts, figure: str) -> str:
    """The page.

    Args:
        facts: of the run.
        figure: an SVG element, taken as it is; everything else is escaped.
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
        count=units.count, loss=units.loss, percent=units.percent, perplexity=units.perplexity, field=units.field
    )
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        title=facts.run.resolve().name,
        headline=_headline(facts),
        model=_model(facts.start),
        columns=_data_columns(facts),
        totals=_totals(facts),
        figure=Markup(figure),  # noqa: S704 - made by mft_report.curves, which writes names as outlines
        skips=[(skip["step"], _plain(skip)) for skip in facts.skips],
        scores=[{key: score[key] for key in ("step", *_SCORE) if key in score} for score in facts.scores],
        commands=_commands(facts),
        recipe=_text(facts.run / "recipe.toml"),
        components=_text(facts.run / "components.json"),
    )


_SCORE = ("task", "metric", "value", "n", "protocol")
_COUNTS = ("train", "valid", "tokens", "supervised", "dropped", "truncated", "bad")


def ending(facts: RunFacts) -> str:
    """How the run ended, in words."""
    return ENDINGS.get(facts.reason, str(facts.reason))


def _headline(facts: RunFacts) -> list[tuple[str, str, str]]:
    """(label, value, remark) of the large numbers."""
    steps = units.count(facts.step) + (f" of {units.count(facts.steps)}" if facts.steps is not None else "")
    seen = sum(task.seen for task in facts.tasks)
    tokens = (units.count(facts.tokens), f"{units.count(seen)} supervised")
    loss = units.loss(facts.before if facts.after is None else facts.after)
    change = f"{units.loss(facts.before)} before, {units.percent(facts.change, signed=True)}" if facts.change else ""
    improved = f"{facts.improved} of {len(facts.tasks)}" if facts.after is not None else units.MISSING
    return [
        ("validation loss", loss, change),
        ("tasks improved", improved, "validation loss below that of step 0"),
        ("optimizer steps", steps, ending(facts)),
        ("tokens", *tokens),
        ("time", units.duration(facts.seconds), "h:mm:ss" if (facts.seconds or 0) >= 3600 else "minutes:seconds"),
    ]


def _model(start: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts of the "start" event beside the tasks, nested ones with dotted names."""
    rows: list[tuple[str, str]] = []

    def add(prefix: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if isinstance(value, Mapping):
                add(f"{prefix}{key}.", value)
            else:
                rows.append((f"{prefix}{key}", _plain(value)))

    add("", {key: value for key, value in start.items() if key not in ("event", "step", "tasks")})
    return rows


def _data_columns(facts: RunFacts) -> list[str]:
    """Counts that the start event has for at least one task, the usual ones first."""
    present = dict.fromkeys(key for task in facts.tasks for key in task.data)
    return [key for key in _COUNTS if key in present] + [key for key in present if key not in _COUNTS]


def _totals(facts: RunFacts) -> dict[str, int]:
    def total(key: str) -> int:
        return sum(task.data.get(key) or 0 for task in facts.tasks)

    return {key: total(key) for key in _COUNTS}


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else units.MISSING
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _commands(facts: RunFacts) -> list[tuple[str, str]]:
    run = shlex.quote(str(facts.run))
    if facts.final is None:
        return [("continue the run", f"mft run {shlex.quote(str(facts.run / 'recipe.toml'))} --resume")]
    return [
        ("try it", f'mft generate {run} --prompt "..."'),
        ("talk to it", f"mft chat {run}"),
        ("a folder that plain transformers loads", f"mft export {run} --output DIR"),
    ]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def bar(task: TaskResult) -> float:
    """Length of the bar beside a change: the change in percent, at most 100."""
    return min(100.0, abs(100 * (task.change or 0)))
