"""A run's folder: who may write into it, what it records about how the run was made."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mft_core.errors import MftError, UsageError
from mft_core.events import read_events
from mft_core.models.recognition import FOLDER_BASE
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.recipe.tune_options import DeclaredOptions, with_all_options
from mft_core.registry.catalog import Entry
from mft_core.run.folder_lock import FolderLock
from mft_core.support import run_files
from mft_core.support.durable import write_text
from mft_core.support.lists import first_few
from mft_core.support.nesting import flattened
from mft_core.support.run_folders import is_run, others_files
from mft_core.support.suggestions import nearest_folder
from mft_core.tuning.fingerprint import is_fingerprint_of, is_full

LIBRARIES = ("mft", "torch", "transformers", "peft", "accelerate", "tokenizers", "numpy")

# Keys that do not change which weights a run ends with; see `_harmless_keys` for a run that a rule stops.
HARMLESS_KEYS = frozenset(
    {
        *("train.log_every", "train.eval_every", "train.save_every", "train.gradient_checkpointing", "train.callbacks"),
        *("data.max_bad", "eval"),
    }
)


class RunFolder:
    """One run's folder, locked for as long as this object is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FolderLock(path)

    def check(self, resume: bool) -> None:
        """Refuse what `open` would refuse, without writing anything.

        Raises:
            UsageError: it already holds a run and `resume` is False; or nothing to resume; or others' files and no
                run. A run that ended before its first step counts as none: it may be begun again.
        """
        if resume:
            refuse_no_run(self.path)
        elif not is_run(self.path):
            refuse_others_files(self.path, "run")
        elif self._is_worth_keeping():
            raise UsageError(
                f"{self.path} already holds a run", "continue it with --resume, or choose another --output"
            )

    def open(self, resume: bool) -> None:
        """Make the folder and lock it.

        Raises:
            MftError: it cannot be written, or another run is using it.
            UsageError: as `check`.
        """
        if resume or not is_run(self.path):
            self.check(resume)
        self._lock.take()
        try:
            self.check(resume)
        except MftError:
            self.close()
            raise

    def _is_worth_keeping(self) -> bool:
        """Whether there is anything of the run that a new one would overwrite and somebody may want."""
        made = (run_files.CHECKPOINTS, run_files.FINAL)
        log = self.path / run_files.METRICS
        return not log.exists() or any((self.path / name).exists() for name in made) or _has_steps(log)

    def close(self) -> None:
        """Let others use the folder; where nothing was written into it, it is gone or empty as before."""
        self._lock.release()

    def write_recipe(self, recipe: Recipe) -> None:
        """Record the resolved recipe."""
        self._write(run_files.RECIPE, recipe.as_toml())

    def write_components(self, entries: Iterable[Entry], base: Mapping[str, Any]) -> None:
        """Record which distribution and version gave each component, and the libraries underneath."""
        components = [
            {
                "kind": entry.kind,
                "name": entry.name,
                "plugin": entry.plugin,
                "distribution": entry.distribution,
                "version": entry.version,
                "aliases": list(entry.component.aliases),
            }
            for entry in entries
        ]
        content = {"components": components, "base": dict(base), "versions": library_versions()}
        self._write(run_files.COMPONENTS, json.dumps(content, indent=1, ensure_ascii=False))

    def _write(self, name: str, text: str) -> None:
        try:
            write_text(self.path / name, text)
        except OSError as error:
            raise MftError(
                f"{self.path / name} cannot be written: {error.strerror or error}",
                "free some space there, or choose another --output",
            ) from error

    def check_base(self, base: Mapping[str, Any]) -> None:
        """Refuse to continue on another base, or beside another part of it, than the run was started on.

        Raises:
            MftError: its weights are others, or LoRA's matrices took another part of them (`tune.init`); or the record
                of them is gone or damaged.
        """
        recorded = self._recorded_base()
        known = recorded["fingerprint"]
        if known != base["fingerprint"] and (is_full(known) or not is_fingerprint_of(known, Path(base["folder"]))):
            raise MftError(
                f"the base {base['reference']} ({base['folder']}) has other weights than when {self.path} was started",
                f"give the one it was started on: {recorded['reference']}, then in {recorded['folder']}",
            )
        if recorded.get("initialization", "") != base["initialization"]:
            raise MftError(
                f"LoRA's initial matrices came out other than when {self.path} was started",
                "they are computed from the base's weights: continue on the same kind of machine, with as many threads",
            )

    def _recorded_base(self) -> Mapping[str, Any]:
        path = self.path / run_files.COMPONENTS
        try:
            base = json.loads(path.read_text(encoding="utf-8"))["base"]
            return {**base, **{key: str(base[key]) for key in ("fingerprint", "reference", "folder")}}
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise MftError(
                f"{path} is missing or damaged ({error!r}): the run cannot be compared with the base it was started on",
                "put the file back from a copy: without it nothing says which weights the checkpoints belong to",
            ) from error

    def check_recipe(
        self, recipe: Recipe, force: bool, extending: bool = False, declared: DeclaredOptions | None = None
    ) -> list[str]:
        """Differences to the recipe the run was started with, that would change its result.

        Args:
            declared: the options of all tuners, of which the run's recipe may name too few or too many; None: it has
                those that `recipe` has.
            extending: that it is to take more optimizer steps is allowed; and that its base lies elsewhere, of which
                `check_base` compares the weights.

        Raises:
            UsageError: there are some others, and `force` is False.
        """
        old = load_recipe(self.path / run_files.RECIPE)
        if declared is not None:
            old = old.model_copy(update={"tune": with_all_options(old.tune, declared)})
        differences = recipe_differences(old, recipe)
        same = recipe.having("model", base=old.model.base) if extending else recipe
        if extending and self._is_longer(old, recipe):
            same = same.having("train", steps=old.train.steps, epochs=old.train.epochs)
        refused = recipe_differences(old, same)
        if refused and not force:
            in_passes = extending and bool(old.train.steps) and not recipe.train.steps
            # Who types --epochs never typed `steps = 0`, which is how a recipe says that passes count.
            shown = [line for line in differences if not (in_passes and line.startswith("train.steps:"))]
            hint = f"its length was given in steps: give --steps, more than {old.train.steps}" if in_passes else ""
            raise UsageError(
                f"the recipe differs from the one {self.path} was started with:\n  " + "\n  ".join(shown),
                hint or "put it back, or continue all the same with --force",
            )
        return differences

    def _is_longer(self, old: Recipe, new: Recipe) -> bool:
        """Whether a recipe takes more steps than the run has; passes over the data are compared with passes only."""
        if new.train.steps:
            logged = (event.get("steps") for event in reversed(read_events(self.path / run_files.METRICS)))
            steps = old.train.steps or next((count for count in logged if count), 0)
            return 0 < steps < new.train.steps
        return not old.train.steps and old.train.epochs < new.train.epochs


def refuse_no_run(folder: Path) -> None:
    """Only a run can be resumed.

    Raises:
        UsageError: there is none in `folder`.
    """
    if is_run(folder):
        return
    near = nearest_folder(folder)
    meant = f"did you mean {near}? " if near and not folder.exists() and is_run(Path(near)) else ""
    raise UsageError(
        f"there is no run in {folder}",
        f"{meant}name the run's folder with --output, or leave out --resume to begin one",
    )


def refuse_others_files(folder: Path, what: str) -> None:
    """A new run, or comparison, mixes its files with nobody's.

    Args:
        what: which of the two.

    Raises:
        UsageError: `folder`, which holds none, is not empty.
    """
    names = others_files(folder)
    if names:
        raise UsageError(
            f"{folder} is not empty, and holds no {what}: {first_few(names)}", "give a new folder, or an empty one"
        )


def _has_steps(log: Path) -> bool:
    try:
        return any(event["step"] > 0 for event in read_events(log))
    except MftError:  # somebody may want to mend it
        return True


def recipe_differences(old: Recipe, new: Recipe) -> list[str]:
    """ "key: old -> new" for every key that bears on the resulting weights."""
    before, after = (flattened(recipe.model_dump(mode="json"), ".") for recipe in (old, new))
    harmless = _harmless_keys(old, new)
    return [
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in harmless and not key.startswith("output.")
    ]


def _harmless_keys(old: Recipe, new: Recipe) -> frozenset[str]:
    """Under a stopping rule the evaluations decide where the run stops and which of its weights are the result; so they
    do where forgetting stops it, or the loss leaves out what overfits.

    Saving decides nothing even then: every evaluation saves, and the best one's checkpoint is kept.
    """
    forgetting_stops = any(recipe.train.on_forgetting == "stop" for recipe in (old, new))
    evaluations_decide = forgetting_stops or any(
        recipe.train.stop != "none" or recipe.loss.options.get("exclude") for recipe in (old, new)
    )
    harmless = HARMLESS_KEYS - {"train.eval_every"} if evaluations_decide else HARMLESS_KEYS
    return harmless if forgetting_stops else harmless | {"train.max_forgetting", "train.on_forgetting"}


def with_recorded_base(recipe: Recipe, run: Path) -> Recipe:
    """The recipe with the pinned base of the run in `run`, where it names the same one without a revision."""
    base, recorded = recipe.model.base, load_recipe(run / run_files.RECIPE).model.base
    if not recorded.startswith((f"{base}@", f"{base}==")):
        return recipe
    return recipe.having("model", base=recorded)


def lost_base(recipe: Recipe) -> Path | None:
    """Where the recipe's base lay, if that is a folder or file that is gone."""
    place = Path(recipe.model.base.removeprefix(f"{FOLDER_BASE}:")).expanduser()
    return place if place.is_absolute() and not place.exists() else None


def refuse_lost_base(recipe: Recipe, run: Path) -> None:
    """Raise MftError where the base of the run in `run`, which `recipe` continues, is a folder or file that is gone."""
    if place := lost_base(recipe):
        raise MftError(
            f"The base model of {run} is not where it was: {place}.",
            "Say where it lies with --base, which takes what `mft run --base` takes, or put it back.",
        )


def newest_run(root: Path) -> Path | None:
    """The run folder below `root` that was written to last; None where there is none."""
    runs = [recipe.parent for recipe in root.glob(f"*/{run_files.RECIPE}") if is_run(recipe.parent)]
    return max(runs, key=lambda run: (run / run_files.RECIPE).stat().st_mtime, default=None)


def library_versions() -> dict[str, str | None]:
    """The versions of Python and of what computes, by name; None: it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
