"""All filters that a recipe asks for, the cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mft_core.audit.benchmarks import problems_of
from mft_core.data.readers import Readers
from mft_core.errors import MftError
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.consistency import ConsistencyFilter
from mft_core.making.filters.duplicates import DuplicatesFilter
from mft_core.making.filters.execution import ExecutionFilter
from mft_core.making.filters.filter import Filter, OrderedFilter
from mft_core.making.filters.form import FormFilter
from mft_core.making.filters.judge import JudgeFilter
from mft_core.making.filters.leakage import LeakageFilter
from mft_core.making.filters.refusals import RefusalsFilter
from mft_core.making.filters.rouge import RougeFilter
from mft_core.making.filters.verdicts import Verdicts
from mft_core.making.recipe import FiltersSection
from mft_core.registry.catalog import Catalog
from mft_core.sandbox import best_tier


class Refusal(NamedTuple):
    """Why a draft is not kept: the filter's name, its short stable reason, and what exactly with this draft."""

    by: str
    reason: str
    detail: str


def _first_refusal(checks: Iterable[tuple[str, Callable[[], None]]]) -> Refusal | None:
    """Of filters, by their names, that look one after another."""
    for name, check in checks:
        try:
            check()
        except Refused as refused:
            return Refusal(name, refused.reason, refused.detail)
    return None


class FilterChain:
    """Says of drafts whether they are kept.

    Args:
        filters: each looks at one draft.
        ordered: each compares a draft with those kept before.

    Attributes:
        names: of all of them, in the order in which they look.
    """

    def __init__(self, filters: Sequence[Filter], ordered: Sequence[OrderedFilter]) -> None:
        self._filters = filters
        self._ordered = ordered
        self.names = (*(one.name for one in filters), *(one.name for one in ordered))

    def check(self, draft: Draft, author: Author) -> Refusal | None:
        """What the first filter that refuses the draft by itself says; None: all let it pass. In any thread.

        Raises:
            MftError: a filter cannot do its work.
        """
        return _first_refusal((one.name, partial(one.check, draft, author)) for one in self._filters)

    def check_instruction(self, text: str) -> Refusal | None:
        """The same of an instruction whose solution nobody has paid for yet. In any thread."""
        return _first_refusal((one.name, partial(one.check_instruction, text)) for one in self._filters)

    def check_in_order(self, draft: Draft) -> Refusal | None:
        """The same of those that compare it with what was kept. In one thread, in the order of the data."""
        return _first_refusal((one.name, partial(one.check, draft)) for one in self._ordered)

    def keep(self, draft: Draft) -> None:
        """Compare what follows with this one, too. In the same thread."""
        for one in self._ordered:
            one.keep(draft)


def open_filters(
    section: FiltersSection,
    folder: Path,
    catalog: Catalog,
    readers: Readers,
    *,
    unsafe_local: bool = False,
    language: str = "",
) -> FilterChain:
    """The filters of a recipe, ready to work.

    Args:
        section: which ones, and how strict.
        folder: of the making; verdicts of the sandbox are kept in it.
        catalog: has the evaluators whose sets must not leak.
        readers: of files of problems.
        unsafe_local: where there is no sandbox, run solutions without one instead of refusing.
        language: the natural one that records must be in; "": any.

    Raises:
        UsageError: there is no such set.
        MftError: a package is missing; a set cannot be read; there is no sandbox; the verdicts cannot be read.
    """
    _check_packages(section)
    filters: list[Filter] = [
        FormFilter(section.least_characters, section.most_characters, parses=section.parses, language=language)
    ]
    if section.refusals:
        filters.append(RefusalsFilter())
    if section.against:
        problems = [problem for wanted in section.against for problem in problems_of(wanted, catalog, readers)]
        filters.append(LeakageFilter(problems, section.leak))
    if section.execution or section.consistency:
        tier, verdicts = best_tier(unsafe_local), Verdicts(folder)
        if section.execution:
            filters.append(ExecutionFilter(verdicts, tier, seconds=section.seconds, mutants=section.mutants))
        if section.consistency:
            filters.append(ConsistencyFilter(verdicts, tier, seconds=section.seconds))
    if section.judge:
        filters.append(JudgeFilter(section.judge))
    ordered: list[OrderedFilter] = [DuplicatesFilter(section.near or 1.0)]
    if 0 < section.rouge < 1:
        ordered.append(RougeFilter(section.rouge))
    return FilterChain(filters, ordered)


def _check_packages(section: FiltersSection) -> None:
    needed = {"rensa": 0 < section.near < 1, "rapidfuzz": 0 < section.rouge < 1}
    missing = [name for name, needs in needed.items() if needs and find_spec(name) is None]
    if missing:
        raise MftError(
            f"What is made is compared with the help of {' and '.join(missing)}, not installed here.",
            "Install it: pip install 'mft[make]'; or set filters.near and filters.rouge to 0.",
        )
