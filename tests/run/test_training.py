"""A plan carried out: what is written, what is told, and that it goes on from where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

from accelerate.state import AcceleratorState

from helpers.running import write_tasks
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import Event, read_events
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.folder import RunFolder
from mft_core.run.plan import make_plan
from mft_core.run.training import execute


def small(data: Path, steps: int) -> Recipe:
    settings = {
        "data.path": str(data), "data.max_length": 128, "model.base": "tiny", "model.adapter": "llama",
        "model.dtype": "float32", "train.steps": steps, "train.batch_size": 4, "train.log_every": 1,
        "train.save_every": 1, "train.callbacks": [],
    }  # fmt: skip
    return load_recipe(None, list(settings.items()))


def test_a_run_says_what_it_began_with_and_goes_on_from_its_checkpoint(catalog: Catalog, tmp_path: Path) -> None:
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    run.mkdir()
    told: list[Event] = []
    finished: list[EvaluationContext] = []
    AcceleratorState._reset_state(True)
    plan = make_plan(small(data, 2), catalog)
    result = execute(plan, RunFolder(run), {"one": told.append}, on_finished=finished.append)
    assert (result.step, result.reason, result.exit_code) == (2, "done", 0)
    assert finished[0].names == ("add", "copy", "reverse")
    (start,) = [event for event in read_events(run / "metrics.jsonl") if event["event"] == "start"]
    assert start["steps"] == 2
    assert start["model"]["trainable"] < start["model"]["parameters"]
    assert start["tasks"]["add"]["train"] == 30
    assert [event.name for event in told if event.name in ("start", "end")] == ["start", "end"]
    components = json.loads((run / "components.json").read_text())
    assert components["base"]["random_weights"]
    AcceleratorState._reset_state(True)
    plan = make_plan(small(data, 3), catalog)
    result = execute(plan, RunFolder(run), {}, resume=True)
    events = read_events(run / "metrics.jsonl")
    assert [event["step"] for event in events if event["event"] == "train"] == [1, 2, 3]
    assert [event["event"] for event in events].count("start") == 1
    assert (events[-1]["event"], events[-1]["step"], result.step) == ("end", 3, 3)
