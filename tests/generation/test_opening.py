"""A run or a base is opened by what is said of it."""

from __future__ import annotations

import pytest

from mft_core.errors import UsageError
from mft_core.generation.opening import open_assistant
from mft_core.registry.catalog import Catalog


def test_what_is_neither_run_nor_base_is_wrong_use(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="'smolm2' is neither a run folder nor a base"):
        open_assistant("smolm2", catalog)
    with pytest.raises(UsageError, match="no model called 'lama'"):
        open_assistant("tiny", catalog, "lama")
    with pytest.raises(UsageError, match="none is chosen"):
        open_assistant("tiny", catalog)
