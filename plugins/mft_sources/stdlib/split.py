"""Which modules are for validation: whole families of modules, without near copies, so that nothing leaks."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mft_sources.stdlib.examples import stable_number

# A task's validation samples, where it has few; some may still fall away as near copies.
MINIMUM_SAMPLES = 24
# How far a family may lift a task above its target; larger families stay in training.
ALLOWANCE = 1.5
SHINGLE = 6
# A shorter function may be like another one by chance.
MINIMUM_SHINGLES = 20
NEAR = 0.6


def family(module: str) -> str:
    """Modules of one family are on one side: a package, its pure Python twin (_pydecimal), its parts (sre_*)."""
    top = module.partition(".")[0]
    return top.removeprefix("_py").lstrip("_").partition("_")[0] or top


def validation_families(counts: Mapping[str, Counter[str]], fraction: float) -> frozenset[str]:
    """Families drawn, in an order fixed by their names, until every task has its part.

    Args:
        counts: samples of each task, by family.
        fraction: part of every task's samples that is for validation; at least `MINIMUM_SAMPLES` are.
    """
    totals = sum(counts.values(), Counter())
    targets = {task: max(MINIMUM_SAMPLES, math.ceil(fraction * total)) for task, total in totals.items()}
    held: Counter[str] = Counter()
    chosen: set[str] = set()
    # The rarest task first: it is in few families, and they carry the other tasks with them.
    for task in sorted(targets, key=lambda task: (totals[task], task)):
        for name in sorted(counts.keys() - chosen, key=lambda name: stable_number("family", name)):
            after = held + counts[name]
            if held[task] >= targets[task]:
                break
            if counts[name][task] and all(after[other] <= ALLOWANCE * targets[other] for other in after):
                chosen.add(name)
                held = after
    return frozenset(chosen)


def near_copies(validation: Sequence[str], training: Iterable[str]) -> frozenset[int]:
    """Which of the `validation` codes share over 60 % of their six-token shingles with one of `training`.

    The share is of the shorter of the two, so that code copied into a longer function is found too.
    """
    shingled = [_shingles(code) for code in validation]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, shingles in enumerate(shingled):
        for shingle in shingles:
            holders[shingle].append(index)
    near: set[int] = set()
    for code in training:
        shingles = _shingles(code)
        shared = Counter(index for shingle in shingles for index in holders.get(shingle, ()))
        for index, count in shared.items():
            shorter = min(len(shingles), len(shingled[index]))
            if shorter >= MINIMUM_SHINGLES and count > NEAR * shorter:
                near.add(index)
    return frozenset(near)


def _shingles(code: str) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", re.sub(r"#.*", "", code))
    return {tuple(tokens[start : start + SHINGLE]) for start in range(len(tokens) - SHINGLE + 1)}
