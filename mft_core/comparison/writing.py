"""compare.json, read back too, compare.md, and the event on which compare.png is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core.comparison.affinity import Found, affinity_section
from mft_core.comparison.markdown import as_markdown
from mft_core.comparison.outcome import Comparison
from mft_core.comparison.reading import Change, Reading
from mft_core.comparison.results import ArmResult, Cost, PairResult, TaskComparison
from mft_core.errors import MftError, UsageError
from mft_core.events import EventLog, Listener
from mft_core.support.durable import write_text

JSON_FILE, MARKDOWN_FILE = "compare.json", "compare.md"


def outcome_as_json(comparison: Comparison, affinity: Found | None = None) -> dict[str, Any]:
    """What compare.json holds."""
    return {**comparison.as_json(), "affinity": affinity or {}}


def write_outcome(
    comparison: Comparison, folder: Path, listeners: Mapping[str, Listener], affinity: Found | None = None
) -> None:
    """Write the comparison's files and tell every listener; the report plugin draws.

    Args:
        affinity: who helps whom, by arm; None: not measured.

    Raises:
        MftError: a file cannot be written.
    """
    try:
        text = json.dumps(outcome_as_json(comparison, affinity), indent=1, ensure_ascii=False)
        write_text(folder / JSON_FILE, text + "\n")
        section = "".join(f"{line}\n" for line in affinity_section(affinity or {}, comparison.reference))
        write_text(folder / MARKDOWN_FILE, as_markdown(comparison) + section)
        log = EventLog(folder, listeners)
        log.emit("compared", 0, file=JSON_FILE, arms=list(comparison.arms), seeds=comparison.seeds)
    except OSError as error:
        raise MftError(
            f"cannot write to {folder}: {error.strerror}", "make room, or choose another --output"
        ) from error


def read_outcome(folder: Path) -> Comparison:
    """The comparison whose compare.json lies in `folder`.

    Raises:
        UsageError: there is none, or it is of another version of mft.
    """
    try:
        values = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
        return Comparison(
            reference=values["reference"],
            arms=tuple(values["arms"]),
            seeds=values["seeds"],
            tasks=tuple(_task(task) for task in values["tasks"]),
            mean=_task(values["mean"]),
            cost={arm: Cost(**cost) for arm, cost in values["cost"].items()},
            scores=tuple(values["scores"]),
            runs=tuple(values["runs"]),
            warnings=tuple(values["warnings"]),
            pairs=tuple(PairResult(**pair) for pair in values["pairs"]),
            reading=_reading(values["reading"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder / JSON_FILE} cannot be read: {error!r}", "`mft compare` writes it when all its runs have ended."
        ) from error


def read_affinity(folder: Path) -> dict[str, Any]:
    """Who helps whom, by arm, in a comparison that `read_outcome` reads; empty: not measured."""
    found: dict[str, Any] = json.loads((folder / JSON_FILE).read_text(encoding="utf-8")).get("affinity", {})
    return found


def _task(values: dict[str, Any]) -> TaskComparison:
    arms = {
        name: ArmResult(**{**result, "by_seed": tuple(result["by_seed"])}) for name, result in values["arms"].items()
    }
    return TaskComparison(**{**values, "arms": arms})


def _reading(values: dict[str, Any]) -> Reading:
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    changes = {name: tuple(Change(**change) for change in values[name]) for name in ("gains", "pays")}
    return Reading(**{**values, **lists, **changes})
