"""Arms and what they may be called."""

from __future__ import annotations

import pytest

from mft_core.comparison.arm import parse_arms
from mft_core.comparison.arms import check_arms
from mft_core.errors import UsageError
from mft_core.registry.catalog import Catalog


def test_an_arm_that_is_neither_is_refused(catalog: Catalog) -> None:
    arms = parse_arms("single,merged,famo every=3")
    assert check_arms(arms, catalog) == tuple(arms)
    with pytest.raises(UsageError, match="'meged' is neither 'single', 'merged', 'mix' nor a loss") as caught:
        check_arms(parse_arms("single,meged"), catalog)
    assert "'merged'" in caught.value.hint
