"""Which isolation this machine has."""

from __future__ import annotations

import pytest

from helpers.cheating_programs import CHEATS, SOLUTION, TESTS
from mft_core.errors import MftError
from mft_core.sandbox import Limits, available_tiers, best_tier, judge_python
from mft_core.sandbox import tiers as tiers_module

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
GENEROUS = Limits(seconds=60.0, cpu_seconds=60)


def test_machine_without_isolation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = {"bubblewrap": "bwrap is not installed", "landlock": "only root can"}
    monkeypatch.setattr(tiers_module, "refusals", lambda: reasons)
    with pytest.raises(MftError, match="bwrap is not installed") as refusal:
        best_tier()
    assert "apt-get install bubblewrap" in refusal.value.hint
    unsafe = best_tier(unsafe_local=True)
    assert unsafe.name == "unsafe-local"
    assert judge_python(SOLUTION, TESTS, "double", GENEROUS, tier=unsafe).verdict == "pass"
    assert judge_python(CHEATS["hard exit"], TESTS, "double", GENEROUS, tier=unsafe).verdict == "no_verdict"
