"""What an earlier making left in a folder, and whether this one may go on there: no records are replaced unasked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mft_core.errors import UsageError
from mft_core.making.draft import Seed
from mft_core.making.maker import Maker
from mft_core.making.output import REPORT, TRAIN, VALID, digest, facts_written
from mft_core.making.prompt_digests import prompt_digests
from mft_core.making.recipe import MakeRecipe
from mft_core.registry.options import path_options
from mft_core.support import run_files

WRITER_KEYS = ("name", "base", "temperature", "max_tokens")
"""Of [model], what answers depend on: the others say where, how fast and for how much they are asked for."""
SEEDS_LOOKED_AT = 1_000
SHOWN = 60
WAYS_OUT = (
    "Choose another --output, or replace the records that are there with --replace: what was answered for them stays "
    "in the journal, and is taken wherever the same is asked."
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier making, by its make.json.

    Attributes:
        folder: the task folder.
        facts: what make.json says.
    """

    folder: Path
    facts: Mapping[str, Any]

    @property
    def counts(self) -> Mapping[str, Any]:
        """Of records and refusals."""
        return dict(self.facts["counts"])

    @property
    def kept(self) -> int:
        """Records that it wrote."""
        return int(self.counts["kept"])

    def is_whole(self, recipe: MakeRecipe) -> bool:
        """Whether it has as many records as the recipe, which is its own, wants, and all its files are there.

        They are those of its make.json: a later making that was killed while it wrote may have left some of its own.
        """
        found = {name: one for name in (TRAIN, VALID) if (one := _digest(self.folder / name))}
        return self.kept >= recipe.n and found == self.facts.get("files") and (self.folder / REPORT).is_file()


def earlier_making(folder: Path) -> Earlier | None:
    """The making that wrote a folder's make.json or, where there is none or another program's, its train.jsonl."""
    with suppress(OSError, ValueError):
        if earlier := _making(folder, json.loads((folder / run_files.MADE).read_text(encoding="utf-8"))):
            return earlier
    found = _digest(folder / TRAIN)
    told = (one for one in facts_written(folder) if found and one.get("files", {}).get(TRAIN) == found)
    return _making(folder, next(told, None))


def _making(folder: Path, facts: Any) -> Earlier | None:
    """What such facts tell of; None: they are no making's."""
    earlier = Earlier(folder, facts)
    with suppress(LookupError, ValueError, TypeError):
        return earlier if earlier.kept >= 0 and isinstance(facts["recipe"], dict) else None
    return None


def _digest(path: Path) -> str:
    """Of a file; "": there is none."""
    return digest(path.read_bytes()) if path.is_file() else ""


def seeds_digest(seeds: Iterable[Seed]) -> str:
    """What tells the first seeds of a making from others; "": there are none."""
    found = [(seed.key, seed.text, seed.topic) for seed in islice(seeds, SEEDS_LOOKED_AT)]
    return digest(json.dumps(found)) if found else ""


def check_earlier(recipe: MakeRecipe, folder: Path, maker: Maker, seeds: str) -> Earlier | None:
    """The earlier making in the folder, if this one may go on from it.

    Args:
        recipe: of this one.
        folder: the task folder.
        maker: of the recipe.
        seeds: the digest of its seeds.

    Raises:
        UsageError: its records were made with other settings, or are more than are wanted; its files were changed.
    """
    earlier = earlier_making(folder)
    if changed := _changed_files(folder, earlier):
        raise UsageError(f"{folder / changed} is not as the making wrote it: somebody changed it.", WAYS_OUT)
    if earlier is not None and earlier.kept and (found := list(_differences(recipe, earlier, maker, seeds))):
        records = f"{folder} holds {earlier.kept:,} records that were made otherwise"
        raise UsageError(f"{records}:\n" + "\n".join(f"  {one}" for one in found), WAYS_OUT)
    return earlier


def _changed_files(folder: Path, earlier: Earlier | None) -> str:
    """The first data file that no making wrote as it is; "": there is none, or nobody can say."""
    # Written before the files are: one of them may be there without the others.
    known = [facts.get("files") for facts in ([] if earlier is None else [earlier.facts]) + facts_written(folder)]
    told = [files for files in known if isinstance(files, dict)]
    if known and not told:
        return ""  # a making of a version that kept no digests
    for name in (TRAIN, VALID):
        found = _digest(folder / name)
        if found and found not in [files.get(name) for files in told]:
            return name
    return ""


def _differences(recipe: MakeRecipe, earlier: Earlier, maker: Maker, seeds: str) -> Iterator[str]:
    """What of the settings that records depend on is another; n only where records would be lost."""
    try:
        before = MakeRecipe.model_validate(earlier.facts["recipe"])
    except ValidationError:
        yield "its recipe is of another version of mft"
        return
    if recipe.n < earlier.kept:
        yield f"n: {recipe.n} are wanted"
    old, new = _settings(before, maker), _settings(recipe, maker)
    files = {f"method.{name}" for name in path_options(maker.Options)}
    same_seeds = bool(seeds) and earlier.facts.get("seeds") == seeds
    different = [key for key in {**old, **new} if old.get(key) != new.get(key) and not (same_seeds and key in files)]
    now = prompt_digests(maker)
    asked = earlier.facts.get("prompts", now)
    if others := sorted(name for name in {**asked, **now} if asked.get(name) != now.get(name)):
        yield f"its questions are worded otherwise now: {', '.join(others)}"
    for key in different:
        yield f"{key}: {_shown(old.get(key))} there, {_shown(new.get(key))} now"
    if not same_seeds and not different and "seeds" in earlier.facts:
        yield "what its records are made of (topics, code, records) holds something else now"


def _settings(recipe: MakeRecipe, maker: Maker) -> dict[str, Any]:
    """Those that records depend on, by dotted keys; options that are left out with their defaults."""
    options: Mapping[str, Any] = recipe.method.options
    with suppress(ValidationError):  # those of another method, or of another version, stay as they are
        options = maker.Options.model_validate(dict(options)).model_dump(mode="json")
    model = recipe.model.model_dump(mode="json")
    return {
        "method.name": recipe.method.name,
        **{f"method.{name}": value for name, value in options.items()},
        **{f"model.{name}": model[name] for name in WRITER_KEYS},
        **{f"filters.{name}": value for name, value in recipe.filters.model_dump(mode="json").items()},
        "seed": recipe.seed,
        "valid_fraction": recipe.valid_fraction,
    }


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
