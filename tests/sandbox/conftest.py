"""Every tier of this machine."""

from __future__ import annotations

import pytest

from mft_core.sandbox import Tier
from mft_core.sandbox.tiers import BUBBLEWRAP, LANDLOCK, refusals


@pytest.fixture(scope="module", params=[BUBBLEWRAP, LANDLOCK], ids=lambda tier: tier.name)
def tier(request: pytest.FixtureRequest) -> Tier:
    reason = refusals()[request.param.name]
    if reason:
        pytest.skip(f"{request.param.name}: {reason}")
    return request.param
