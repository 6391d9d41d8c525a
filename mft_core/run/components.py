"""The components that a recipe names, built."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mft_core.batching.packing import Packer
from mft_core.data.readers import Readers
from mft_core.data.source import Source
from mft_core.data.tokenization import BoundTokenization, Tokenization
from mft_core.errors import MftError
from mft_core.evaluation.evaluator import Evaluator
from mft_core.models.base import Base
from mft_core.models.recognition import family_named, find_base
from mft_core.objective.loss import Loss
from mft_core.recipe.addresses import address_of
from mft_core.recipe.choices import AUTO, REPORT, Choice
from mft_core.recipe.naming import EXPLICIT_TASKS, PREPARED, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog, Entry
from mft_core.support.reading import ReaderChoice
from mft_core.training.callbacks import Callback
from mft_core.training.optimizer import Optimizer
from mft_core.tuning.preparing import build_tuner
from mft_core.tuning.tuner import Tuner

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(slots=True)
class Parts:
    """The chosen components, built.

    Attributes:
        callbacks: by name, in the recipe's order.
        readers: all that there are.
        fetching: by name, the sources that fetch the files of tasks that are named by addresses.
        own_tokenizations: of tasks that have one of their own, by name; of equal ones there is one.
        bound: the same once `bind` was called, each with its tokenizer.
        base_reference: what is asked of `base`.
        family: the name of the model family; "": to be recognised.
        entries: where each component came from.
    """

    loss: Loss
    tuner: Tuner
    packer: Packer
    tokenization: Tokenization
    evaluators: list[Evaluator]
    optimizer: Optimizer
    callbacks: dict[str, Callback]
    source: Source | None
    readers: Readers
    base: Base
    base_reference: str
    family: str
    fetching: dict[str, Source] = field(default_factory=dict)
    own_tokenizations: dict[str, Tokenization] = field(default_factory=dict)
    bound: dict[str, BoundTokenization] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def bind(self, tokenizer: PreTrainedTokenizerBase, entries: Mapping[str, str] | None = None) -> None:
        """Bind the tokenization to the tokenizer, and those of single tasks to copies of it, since each changes the
        chat template; the tokenizer itself is saved with the model.

        Args:
            tokenizer: of the model.
            entries: of tasks that are a part of one, the name of their entry, whose tokenization is theirs too.

        Raises:
            MftError: the tokenizer cannot be used with one of them.
        """
        bound: dict[int, BoundTokenization] = {}
        for task, own in self.own_tokenizations.items():
            if id(own) not in bound:
                bound[id(own)] = _bound_to_a_copy(task, own, tokenizer)
            self.bound[task] = bound[id(own)]
        for task, entry in (entries or {}).items():
            if entry in self.bound:
                self.bound.setdefault(task, self.bound[entry])
        self.tokenization.bind(tokenizer)


def _bound_to_a_copy(task: str, tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> BoundTokenization:
    bound = BoundTokenization(tokenization, copy.deepcopy(tokenizer))
    try:
        tokenization.bind(bound.tokenizer)
    except MftError as error:
        raise MftError(f"Task {task!r}, tokenization: {error.message}", error.hint) from error
    return bound


def choose_parts(recipe: Recipe, catalog: Catalog) -> Parts:
    """Look up and build every component the recipe names.

    Raises:
        UsageError: an unknown name or option, named with its recipe key; or what tuner or optimizer refuse.
    """
    entries: list[Entry] = []

    def build(kind: str, choice: Choice, where: str) -> Any:
        entries.append(catalog.get(kind, choice.name))
        return catalog.build(kind, choice.name, choice.options, where)

    base_name, reference = find_base(recipe.model.base, catalog)
    family = family_named(recipe.model.adapter, catalog)
    if family:
        catalog.load("model", family)  # one that cannot be imported is refused before any data is read
    source = source_choice(recipe)
    optimizer: Optimizer = build("optimizer", recipe.train.optimizer, "[train] optimizer")
    optimizer.check(recipe.train)
    tuner = build_tuner(recipe.tune, catalog)
    tuner.check(recipe)
    entries.append(catalog.get("tuner", recipe.tune.method))
    return Parts(
        loss=build("loss", recipe.loss, "[loss]"),
        tuner=tuner,
        packer=build("packer", recipe.data.packer, "[data] packer"),
        tokenization=build("tokenization", recipe.data.tokenization, "[data] tokenization"),
        evaluators=[build("evaluator", choice, "[[eval]]") for choice in recipe.eval],
        optimizer=optimizer,
        callbacks={
            choice.name: build("callback", choice, "[train] callbacks")
            for choice in recipe.train.callbacks
            if choice.name != REPORT or catalog.find("callback", REPORT)
        },
        source=None if source.name in (EXPLICIT_TASKS, PREPARED) else build("source", source, "[data] source"),
        readers=_readers(recipe, catalog),
        own_tokenizations=_own_tokenizations(recipe, build),
        base=build("base", Choice(name=base_name), "[model] base"),
        base_reference=reference,
        family=family,
        fetching={
            name: build("source", Choice(name=name), "[[data.tasks]]") for name in _address_sources(recipe, catalog)
        },
        entries=entries,
    )


def _own_tokenizations(recipe: Recipe, build: Callable[[str, Choice, str], Tokenization]) -> dict[str, Tokenization]:
    built: list[tuple[Choice, Tokenization]] = []
    own: dict[str, Tokenization] = {}
    for task in recipe.data.tasks:
        if task.tokenization.name != AUTO:
            same = next((one for choice, one in built if choice == task.tokenization), None)
            if same is None:
                same = build("tokenization", task.tokenization, f"[[data.tasks]] {task.name!r} tokenization")
                built.append((task.tokenization, same))
            own[task.name] = same
    return own


def _address_sources(recipe: Recipe, catalog: Catalog) -> list[str]:
    """The sources of the addresses among the tasks' files."""
    found = [address_of(text) for task in recipe.data.tasks for text in (task.train, task.valid)]
    names = dict.fromkeys(address.source for address in found if address)
    return [name for name in names if catalog.offers("source", name) and not recipe.data.prepared]


def _readers(recipe: Recipe, catalog: Catalog) -> Readers:
    """All readers, after those that the recipe names were built once, so that a mistake in one shows at once."""
    readers = Readers(catalog)
    choices = [(recipe.data.reader, "[data] reader")]
    choices += [(task.reader, f"[[data.tasks]] {task.name!r} reader") for task in recipe.data.tasks]
    for choice, where in choices:
        if choice.name != AUTO:
            readers.chosen(ReaderChoice(choice.name, choice.options), where)
    return readers
