"""Productions of a maker by a lean endpoint, with no filter but that of duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.lean_endpoint import LeanEndpoint
from mft_core.data.readers import installed_readers
from mft_core.making.admission import Admission
from mft_core.making.author_opening import open_author
from mft_core.making.filters.chain import FilterChain
from mft_core.making.filters.duplicates import DuplicatesFilter
from mft_core.making.filters.filter import Filter
from mft_core.making.made import Made
from mft_core.making.maker import Maker
from mft_core.making.production import Production
from mft_core.making.recipe import FiltersSection, WriterSection
from mft_core.registry.catalog import Catalog


@contextmanager
def production(
    folder: Path,
    endpoint: LeanEndpoint,
    maker: Maker,
    wanted: int,
    *,
    concurrency: int = 8,
    ask_again: bool = False,
    patience: int = 60,
    rouge: float = 1.0,
    check: Sequence[Filter] = (),
    **model: int,
) -> Iterator[Production]:
    section = WriterSection.model_validate(
        {"endpoint": endpoint.url, "name": "lean", "concurrency": concurrency, **model}
    )
    author = open_author(section, FiltersSection(), folder, Catalog([]), ask_again=ask_again)
    filters = FilterChain(check, [DuplicatesFilter(1.0)])
    try:
        yield Production(
            maker,
            author,
            filters,
            Admission(rouge, filters),
            installed_readers(),
            wanted=wanted,
            seed=0,
            concurrency=concurrency,
            patience=patience,
        )
    finally:
        author.close()


def produce(folder: Path, endpoint: LeanEndpoint, maker: Maker, wanted: int, **options: Any) -> Made:
    with production(folder, endpoint, maker, wanted, **options) as one:
        return one.run(lambda progress: None)


def instructions(made: Made) -> list[str]:
    return [one.draft.instruction for one in made.kept]
