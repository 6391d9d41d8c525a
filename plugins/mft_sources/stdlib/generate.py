"""From modules to the records of every task."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mft_core.errors import MftError
from mft_sources.stdlib.definitions import Definition, find_definitions
from mft_sources.stdlib.modules import Module, read_source
from mft_sources.stdlib.split import family, near_copies, validation_families
from mft_sources.stdlib.tasks import TASKS

JsonRecord = dict[str, str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All records of all tasks.

    Attributes:
        train: records by task; keys "prompt", "response", "module", "qualname".
        valid: the same, from other modules.
        skipped: what was left out, by reason.
    """

    train: dict[str, list[JsonRecord]]
    valid: dict[str, list[JsonRecord]]
    skipped: Counter[str]


@dataclass(frozen=True, slots=True)
class Yield:
    """What one definition gives.

    Attributes:
        family: of its module.
        code: without the docstring.
        records: by task, at least one.
    """

    family: str
    code: str
    records: dict[str, JsonRecord]


def generate(modules: Sequence[Module], validation_fraction: float) -> Corpus:
    """The records that `modules` give.

    Raises:
        MftError: too little source for a task to have training and validation records.
    """
    skipped: Counter[str] = Counter()
    yields = [found for definition in _definitions(modules, skipped) if (found := _yield(definition)).records]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for found in yields:
        counts[found.family].update(found.records.keys())
    held_out = validation_families(counts, validation_fraction)
    training = [found for found in yields if found.family not in held_out]
    validation = [found for found in yields if found.family in held_out]
    near = near_copies([found.code for found in validation], (found.code for found in training))
    skipped["validation definition nearly equal to a training one"] += len(near)
    validation = [found for index, found in enumerate(validation) if index not in near]
    corpus = Corpus(_by_task(training), _by_task(validation), skipped)
    _check(corpus)
    return corpus


def _definitions(modules: Sequence[Module], skipped: Counter[str]) -> Iterator[Definition]:
    """Every definition once: a function copied into several modules, or several classes, counts where it is first."""
    seen: set[str] = set()
    for module in modules:
        try:
            for definition in find_definitions(module.name, read_source(module), skipped):
                if definition.normalized in seen:
                    skipped["a copy of another definition"] += 1
                    continue
                seen.add(definition.normalized)
                yield definition
        except (SyntaxError, UnicodeDecodeError):
            skipped["module that does not parse"] += 1


def _yield(definition: Definition) -> Yield:
    records = {}
    for name, task in TASKS.items():
        example = task.sample(name, definition)
        if example is not None:
            records[name] = {
                "prompt": example.prompt,
                "response": example.response,
                "module": definition.module,
                "qualname": definition.qualname,
            }
    return Yield(family(definition.module), definition.undocumented, records)


def _by_task(yields: Sequence[Yield]) -> dict[str, list[JsonRecord]]:
    return {name: [found.records[name] for found in yields if name in found.records] for name in TASKS}


def _check(corpus: Corpus) -> None:
    for name in TASKS:
        train, valid = len(corpus.train[name]), len(corpus.valid[name])
        if not train or not valid:
            raise MftError(
                f"The source of this Python's standard library is too small: task {name!r} has {train} training and "
                f"{valid} validation samples.",
                "Use a complete Python installation, or name data of your own with --data DIR.",
            )
