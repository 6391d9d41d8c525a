"""The strongest sandbox of this machine."""

from __future__ import annotations

import pytest

from mft_core.sandbox import Tier, available_tiers


@pytest.fixture(scope="session")
def tier() -> Tier:
    tiers = available_tiers()
    if not tiers:
        pytest.skip("no sandbox on this machine")
    return tiers[0]
