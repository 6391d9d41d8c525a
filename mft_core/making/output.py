"""The task folder that a making ends with: records for training and validation, and how they were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.making.draft import Draft
from mft_core.making.made import KeptDraft, Made, NotKept
from mft_core.making.recipe import MakeRecipe
from mft_core.support import run_files
from mft_core.support.durable import make_folder, write_text
from mft_core.support.redact import redact

TRAIN, VALID, REPORT = "train.jsonl", "valid.jsonl", "report.md"
REFUSED, RECIPE, WRITTEN = "refused.jsonl", "making.toml", "written.json"
WHOLE = 1 << 64


def sides(kept: Sequence[KeptDraft], valid_fraction: float) -> tuple[list[KeptDraft], list[KeptDraft]]:
    """Records for training and for validation. All of one seed are on the same side, and stay there when more are made.

    Where a fraction is wanted, one of the first two seeds is for validation and the other one for training.
    """
    keys = list(dict.fromkeys(one.seed.key for one in kept))
    if not valid_fraction or len(keys) < 2:
        return list(kept), []
    places = [_place(key) for key in keys[:2]]
    first = keys[places.index(min(places))]
    held_out = {first, *(key for key in keys[2:] if _place(key) < valid_fraction)}
    return (
        [one for one in kept if one.seed.key not in held_out],
        [one for one in kept if one.seed.key in held_out],
    )


def _place(key: str) -> float:
    """Where a seed stands among all there could be, in [0, 1)."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / WHOLE


def as_record(one: KeptDraft) -> dict[str, Any]:
    """The line of a data file: messages, and what it was made of."""
    topic = one.draft.topic or one.seed.topic
    return {"messages": _messages(one.draft), **({"topic": topic} if topic else {}), "source": one.seed.key}


def write_output(
    folder: Path,
    recipe: MakeRecipe,
    made: Made,
    prompts: Mapping[str, str],
    models: Sequence[str],
    report: str,
    seeds: str = "",
) -> None:
    """Replace the folder's files, each as a whole.

    Args:
        folder: the task folder.
        recipe: what was to be made.
        made: what came of it.
        prompts: digests of all prompts by name.
        models: the names of those that answered.
        report: Markdown.
        seeds: the digest of what records were made of.

    Raises:
        MftError: it cannot be written; what was there stays.
    """
    train, valid = sides(made.kept, recipe.valid_fraction)
    data = {TRAIN: train, **({VALID: valid} if valid else {})}
    texts = {name: redact(_lines(map(as_record, kept))) for name, kept in data.items()}  # as it will be written
    digests = {name: digest(text) for name, text in texts.items()}
    facts = _facts(recipe, made, (len(train), len(valid)))
    facts |= {"models": sorted(models), "files": digests, "seeds": seeds, "prompts": dict(sorted(prompts.items()))}
    try:
        make_folder(folder / run_files.MAKING)
        # First, or a process that was killed between the files would leave one that looks as if somebody changed it.
        written = folder / run_files.MAKING / WRITTEN
        write_text(written, json.dumps([*facts_written(folder), facts], ensure_ascii=False) + "\n")
        for name, text in texts.items():
            write_text(folder / name, text)
        if not valid:
            (folder / VALID).unlink(missing_ok=True)
        write_text(folder / run_files.MAKING / REFUSED, _lines(map(_refused, made.refused)))
        write_text(folder / run_files.MADE, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        write_text(folder / REPORT, report)
        write_text(written, json.dumps([facts], ensure_ascii=False) + "\n")
    except OSError as error:
        hint = "Free some space, then rerun: what was answered is kept."
        raise MftError(f"{error.filename or folder} cannot be written: {error.strerror}", hint) from error


def _facts(recipe: MakeRecipe, made: Made, numbers: tuple[int, int]) -> dict[str, Any]:
    """What was to be made and what came of it, with the numbers of records for training and validation."""
    return {
        "method": {"name": recipe.method.name, **recipe.method.options},
        "ended": made.ended,
        "counts": {
            "wanted": recipe.n,
            "kept": len(made.kept),
            "train": numbers[0],
            "valid": numbers[1],
            "seeds": sum(made.seeds.values()),
            "refused": {f"{name}: {reason}": count for (name, reason), count in sorted(made.reasons.items())},
        },
        "recipe": recipe.model_dump(mode="json"),
        "mft": version("mft"),
    }


def facts_written(folder: Path) -> list[dict[str, Any]]:
    """What make.json was to say of the making that wrote the folder's files last, after those killed while writing."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / run_files.MAKING / WRITTEN).read_text(encoding="utf-8"))
        if isinstance(found, list) and all(isinstance(one, dict) for one in found):
            return found
    return []


def digest(content: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def _refused(refusal: NotKept) -> dict[str, Any]:
    found = {"seed": refusal.seed.key, "filter": refusal.filter, "reason": refusal.reason, "detail": refusal.detail}
    if refusal.draft is not None:
        return {**found, "messages": _messages(refusal.draft)}
    return {**found, **({"answer": refusal.said} if refusal.said else {})}


def _messages(draft: Draft) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in draft.turns]


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
