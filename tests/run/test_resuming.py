"""A run goes on from its checkpoint on its own data alone, unless it is forced."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from helpers.running import write_tasks
from mft_core.errors import UsageError
from mft_core.events import read_events
from mft_core.recipe.loading import load_recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.folder import RunFolder
from mft_core.run.plan import make_plan
from mft_core.run.training import execute


def test_other_data_are_refused_by_name_and_told_of_where_forced(catalog: Catalog, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def go(data: Path, steps: int, **how: bool) -> None:
        settings = {
            "data.path": str(data), "data.max_length": 128, "model.base": "tiny", "model.adapter": "llama",
            "model.dtype": "float32", "train.steps": steps, "train.batch_size": 4, "train.callbacks": [],
        }  # fmt: skip
        AcceleratorState._reset_state(True)
        execute(make_plan(load_recipe(None, list(settings.items())), catalog), RunFolder(run), {}, **how)

    go(write_tasks(tmp_path / "data", {"add": 8, "copy": 8}), 1)
    other = write_tasks(tmp_path / "other", {"add": 8, "reverse": 8})
    with pytest.raises(UsageError, match="the data are others") as error:
        go(other, 2, resume=True)
    assert "copy" in error.value.message
    assert "--resume --force" in error.value.hint
    go(other, 2, resume=True, force=True)
    events = read_events(run / "metrics.jsonl")
    assert [event["step"] for event in events if event["event"] == "resume"] == [1]
    assert any("resumed on other data" in event.get("message", "") for event in events)
