"""What the survivors of a run say; tests/end_to_end/test_machines.py kills real ones."""

from __future__ import annotations

import pytest

from mft_core.errors import MftError
from mft_core.recipe.schema import Recipe
from mft_core.run import lost_ranks

GLOO = "[/gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:37789: Connection reset by peer. This is typically"


def fails(error: Exception, ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_ranks, "rank_and_ranks", lambda: (1, ranks))
    recipe = Recipe().having("output", dir="runs/my run")
    with lost_ranks.advice_on_lost_ranks(recipe, lambda: "in step 3 of 9", lambda: "last good checkpoint: step 2"):
        raise error


def test_it_says_where_and_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MftError, match="rank 1 of 4 lost another process of this run in step 3 of 9") as caught:
        fails(RuntimeError(GLOO), 4, monkeypatch)
    assert "Last good checkpoint: step 2" in caught.value.hint
    assert "--resume --output 'runs/my run'" in caught.value.hint


def test_other_errors_and_those_of_one_process_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        fails(RuntimeError("shapes differ"), 4, monkeypatch)
    with pytest.raises(RuntimeError, match=r"pair\.cc"):
        fails(RuntimeError(GLOO), 1, monkeypatch)
