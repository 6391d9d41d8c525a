"""Telling a run's folder from any other, by the files in it."""

from __future__ import annotations

from pathlib import Path

from mft_core.support import run_files
from mft_core.support.durable import is_temporary

WITNESSES = (run_files.METRICS, run_files.COMPONENTS, run_files.LOCK)
"""A recipe alone may be anybody's; beside one of these, a run wrote it."""

OWN = (
    run_files.RECIPE,
    run_files.COMPONENTS,
    run_files.METRICS,
    run_files.QUARANTINE,
    run_files.CHECKPOINTS,
    run_files.EVALUATIONS,
    run_files.FINAL,
)


def is_run(folder: Path) -> bool:
    """Whether a run was begun in `folder`: its recipe is there, and something else that only a run writes."""
    return (folder / run_files.RECIPE).is_file() and any((folder / name).exists() for name in WITNESSES)


def result_folder(folder: Path) -> Path:
    """Where the result of a run lies; the folder itself where it has none."""
    final = folder / run_files.FINAL
    return final if final.is_dir() else folder


def files_of_run(folder: Path) -> list[str]:
    """The names in a run's folder that are the run's own; what else lies there is not among them."""
    return [name for name in OWN if (folder / name).exists()]


def others_files(folder: Path) -> list[str]:
    """The names, sorted, of what lies in a folder that holds no run; none where there is nothing, or no folder.

    A start that was killed before it wrote its recipe leaves a lock and perhaps an empty log, which count for nothing.
    """
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir())
    left = {run_files.LOCK, run_files.METRICS} if run_files.LOCK in names else set()
    return [name for name in names if name not in left and not is_temporary(name)]
