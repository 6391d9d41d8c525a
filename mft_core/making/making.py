"""One making from its recipe to its folder: what `mft data make` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mft_core.data.readers import Readers
from mft_core.endpoint.spending import Spending
from mft_core.errors import MftError, UsageError
from mft_core.making.admission import Admission
from mft_core.making.author_opening import check_author, open_author
from mft_core.making.authoring import ModelAuthor
from mft_core.making.earlier import Earlier, check_earlier, earlier_making, seeds_digest
from mft_core.making.estimate import Estimate, estimate, few_seeds
from mft_core.making.filters.chain import FilterChain, open_filters
from mft_core.making.made import BUDGET, Made
from mft_core.making.maker import Maker, SeedRequest, seeds_of
from mft_core.making.output import RECIPE, TRAIN, write_output
from mft_core.making.production import OnProgress, Production
from mft_core.making.prompt_digests import prompt_digests
from mft_core.making.recipe import MakeRecipe
from mft_core.making.report import report
from mft_core.registry.catalog import Catalog
from mft_core.run.folder_lock import FolderLock
from mft_core.support import run_files
from mft_core.support.durable import write_text


@dataclass(frozen=True, slots=True)
class Making:
    """Everything a making needs, opened and checked.

    Attributes:
        recipe: what is made.
        folder: the task folder.
        maker, author, filters, readers: of the recipe.
        seeds: the digest of what the maker makes records of.
        earlier: the making whose records lie in the folder.
        replace: these may become fewer, where the making ends for another reason than its budget.
    """

    recipe: MakeRecipe
    folder: Path
    maker: Maker
    author: ModelAuthor
    filters: FilterChain
    readers: Readers
    seeds: str = ""
    earlier: Earlier | None = None
    replace: bool = False

    def run(self, on_progress: OnProgress) -> Made:
        """Make what is wanted, and write it; also where it ends early.

        Raises:
            MftError: no question will be answered, a file cannot be read or written. What was kept until then is
                written all the same.
            KeyboardInterrupt: likewise.
        """
        production = Production(
            self.maker,
            self.author,
            self.filters,
            Admission(self.recipe.filters.rouge, self.filters),
            self.readers,
            wanted=self.recipe.n,
            seed=self.recipe.seed,
            concurrency=self.recipe.model.concurrency,
            patience=self.recipe.patience,
        )
        try:
            made = production.run(on_progress)
        except (MftError, KeyboardInterrupt):
            if len(production.made.kept) > self.written:
                self._write(production.made)
            raise
        if self.replaces(made):
            self._write(made)
        return made

    @property
    def written(self) -> int:
        """Records that an earlier call has written."""
        return self.earlier.kept if self.earlier else 0

    def replaces(self, made: Made) -> bool:
        """Whether what was made takes the place of what an earlier call has written.

        Less does not, unless it was to replace it and there is no more to be had: a larger budget would bring more.
        """
        may_be_less = self.replace and made.ended != BUDGET
        return len(made.kept) >= (min(1, self.written) if may_be_less else self.written)

    @property
    def spending(self) -> Spending:
        """So far, that of earlier calls included."""
        return self.author.spending

    @property
    def spending_now(self) -> Spending:
        """Of this call alone."""
        return self.author.spending.since(self.author.earlier_spending)

    def _write(self, made: Made) -> None:
        text = report(self.recipe, made, self.spending, self.maker)
        told = prompt_digests(self.maker)
        write_output(self.folder, self.recipe, made, told, sorted(self.author.models), text, self.seeds)


class CheckedMaking(NamedTuple):
    """A maker, and the digest of what it makes records of."""

    maker: Maker
    seeds: str


def check_making(recipe: MakeRecipe, catalog: Catalog, readers: Readers) -> CheckedMaking:
    """The maker of a recipe, if the recipe names a writer and there is something to make records of.

    Raises:
        UsageError: a wrong option, no writer or two.
        MftError: a file cannot be read, or nothing in it can be used.
    """
    check_author(recipe.model)
    # Of another one than that which works: some count what they pass over.
    tried = _built(recipe, catalog)
    seeds = seeds_digest(seeds_of(tried, SeedRequest(seed=recipe.seed, readers=readers)))
    if not seeds:
        left = ", ".join(f"{reason} ({count:,})" for reason, count in tried.passed_over().items())
        raise MftError(
            f"{recipe.method.name} finds nothing to make records of{f'; left out: {left}' if left else ''}.",
            "See its options under [method].",
        )
    return CheckedMaking(_built(recipe, catalog), seeds)


def _built(recipe: MakeRecipe, catalog: Catalog) -> Maker:
    maker: Maker = catalog.build("maker", recipe.method.name, recipe.method.options, "[method]")
    return maker


def expected_cost(recipe: MakeRecipe, catalog: Catalog, readers: Readers) -> Estimate:
    """What a making is likely to cost.

    Raises:
        UsageError: a wrong option.
        MftError: a file cannot be read.
    """
    maker = _built(recipe, catalog)
    return estimate(recipe, maker, few_seeds(recipe, maker, readers))


def whole_making(recipe: MakeRecipe, folder: Path, prepared: CheckedMaking) -> Earlier | None:
    """The making in the folder where it is this one and has all its records; None: there is something to be made.

    Raises:
        UsageError: the folder holds something else, or a making of other settings.
    """
    _refuse_others_files(folder)
    earlier = check_earlier(recipe, folder, prepared.maker, prepared.seeds)
    return earlier if earlier is not None and earlier.is_whole(recipe) else None


@contextmanager
def open_making(
    recipe: MakeRecipe,
    folder: Path,
    catalog: Catalog,
    readers: Readers,
    *,
    unsafe_local: bool = False,
    ask_again: bool = False,
    replace: bool = False,
) -> Iterator[Making]:
    """A making in its folder, which no other process works in until the block ends.

    Args:
        recipe: what is made.
        folder: new, empty, or that of an earlier call, whose answers are taken.
        catalog: for the maker, and a model on this machine.
        readers: of files that seeds and benchmarks come from.
        unsafe_local: where there is no sandbox, run what the model wrote without one.
        ask_again: what the endpoint or the maker refused in an earlier call is asked anew.
        replace: go on, whatever an earlier call made and with what settings; what it was answered is still taken.

    Raises:
        UsageError: a wrong option, or a folder that holds something else, or a making of other settings.
        MftError: another process works in it; a model, a sandbox or a package is not to be had.
    """
    maker, seeds = check_making(recipe, catalog, readers)
    _refuse_others_files(folder)
    lock = FolderLock(folder / run_files.MAKING)
    lock.take()
    try:
        earlier = earlier_making(folder) if replace else check_earlier(recipe, folder, maker, seeds)
        author = open_author(recipe.model, recipe.filters, folder / run_files.MAKING, catalog, ask_again=ask_again)
        try:
            filters = open_filters(
                recipe.filters,
                folder / run_files.MAKING,
                catalog,
                readers,
                unsafe_local=unsafe_local,
                language=maker.language,
            )
            write_text(folder / run_files.MAKING / RECIPE, recipe.as_toml())
            yield Making(recipe, folder, maker, author, filters, readers, seeds, earlier, replace)
        finally:
            author.close()
    finally:
        lock.release()


def _refuse_others_files(folder: Path) -> None:
    """Let no making write among what it did not make."""
    if not folder.exists() or (folder / run_files.MAKING).is_dir() or earlier_making(folder) is not None:
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.", "Choose another --output.")
    names = sorted(path.name for path in folder.iterdir())
    if names:
        what = TRAIN if TRAIN in names else names[0]
        raise UsageError(f"{folder} holds {what}, and no making made it.", "Choose another --output.")
