"""Memory that ran out while a run loads or trains: said in its own terms, with the recipe keys that help."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mft_core.errors import MftError, first_line
from mft_core.recipe.schema import Recipe

WORDS = ("out of memory", "allocate memory", "bad_alloc", "status_alloc_failed")
"""In the messages of allocators (CUDA, the CPU's, C++, cuBLAS), which torch raises as a plain RuntimeError."""


@contextmanager
def advice_on_memory(
    recipe: Recipe, lighter: str, where: Callable[[], str], saved: Callable[[], str] = str
) -> Iterator[None]:
    """Within the block, an allocator that gives up is an error with advice.

    Args:
        lighter: a `tune.method` that takes less; "": there is none.
        where: what was being done, such as "in step 3".
        saved: the last good checkpoint, in words; "": there is none.

    Raises:
        MftError: memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise MftError(f"memory ran out {where()}: {first_line(error)}", _advice(recipe, lighter, saved())) from error


def ran_out(error: BaseException) -> bool:
    """Whether this is an allocator giving up."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in WORDS)


def _advice(recipe: Recipe, lighter: str, saved: str) -> str:
    same, other = dict(_same_weights(recipe)), dict(_other_weights(recipe, lighter))
    lines = ["What needs less of it, in the recipe or with --set:"]
    lines += [f"  {key}={value}  (now {now})" for key, (value, now) in (same | other).items()]
    if saved:
        flags = " ".join(f"--set {key}={value}" for key, (value, _) in same.items())
        folder = shlex.quote(str(Path(recipe.output.dir)))
        lines.append(f"{saved[0].upper()}{saved[1:]}; it is whole.")
        if same:
            lines.append(f"To go on from there: mft run --resume --force --output {folder} {flags}")
    return "\n".join(lines)


def _same_weights(recipe: Recipe) -> Iterator[tuple[str, tuple[str, str]]]:
    """(key, (what to try, what it is)) of what changes a run's weights by rounding at most."""
    train = recipe.train
    if train.micro_batch_size > 1:
        yield "train.micro_batch_size", (str(train.micro_batch_size // 2), str(train.micro_batch_size))
    if train.gradient_checkpointing is not True:
        yield "train.gradient_checkpointing", ("true", str(train.gradient_checkpointing).lower())


def _other_weights(recipe: Recipe, lighter: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The same of what makes it another run."""
    if lighter:
        yield "tune.method", (lighter, recipe.tune.method)
    if recipe.model.dtype in ("float32", "float64"):
        yield "model.dtype", ("bfloat16", recipe.model.dtype)
    data = recipe.data
    shorter = max(8, data.max_length // 2, *(task.max_length for task in data.tasks))  # no task's own may be longer
    if shorter < data.max_length:
        yield "data.max_length", (str(shorter), str(data.max_length))
