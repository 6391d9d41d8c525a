"""What the card on the Hub says of a run: its tasks, the scores of this very model, its recipe without places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mft_core.recipe.schema import Recipe
from mft_core.run.shared_card import shared_facts
from mft_core.tuning.fingerprint import model_fingerprint
from mft_core.tuning.model_card import CardFacts, CardTask, card_text


def score(task: str, value: float | None) -> dict[str, Any]:
    return {
        "set": task, "metric": "pass@1", "value": value, "n": 4, "interval": [0.1, 0.9], "protocol": "chat",
        "best": 1.0,
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's files, as far as a card needs them."""
    folder = tmp_path / "run"
    (folder / "final").mkdir(parents=True)
    (folder / "final" / "adapter_config.json").write_text("{}")
    (folder / "final" / "mft.json").write_text('{"fingerprint": "sha256:1"}')
    recipe = Recipe().having("model", base=str(tmp_path / "base")).having("data", path=str(tmp_path / "set"))
    (folder / "recipe.toml").write_text(recipe.as_toml())
    data = {"add": {"train": 9, "valid": 2, "supervised": 90}}
    task = {"loss": 2.0, "tokens": 100}
    events: list[dict[str, Any]] = [
        {"event": "start", "step": 0, "steps": 4, "tasks": data},
        {"event": "eval", "step": 0, "loss": 2.0, "tasks": {"add": task}},
        {"event": "eval", "step": 4, "loss": 1.0, "tasks": {"add": {**task, "loss": 1.0}}},
        {"event": "score", **score("early", 0.5), "step": 2, "task": "early"},
        {"event": "score", **score("end", 0.5), "step": 4, "task": "end"},
        {"event": "end", "step": 4, "reason": "done", "selected": 4},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    for when, model, rows in (
        ("1", model_fingerprint(folder), [score("later", 0.25), score("unmeasured", None)]),
        ("2", model_fingerprint(folder), [score("later", 0.75)]),
        ("3", "another model's", [score("other", 1.0)]),
    ):
        (folder / "evaluations" / when).mkdir(parents=True)
        facts = {"name": "run", "model": model, "results": rows}
        (folder / "evaluations" / when / "results.json").write_text(json.dumps(facts))
    return folder


def test_a_run_s_card(run: Path, tmp_path: Path) -> None:
    facts = shared_facts(run, run / "final", "", "me/x")
    assert (facts.base, facts.on_hub, facts.step, facts.method) == ("base", False, 4, "lora")
    assert facts.tasks == (CardTask("add", 9, 2, 90, 2.0, 1.0, 0.1),)
    assert {(one.task, one.value) for one in facts.scores} == {("end", 0.5), ("later", 0.75)}
    assert 'path = "set"' in facts.recipe
    assert "[output]" not in facts.recipe
    assert str(tmp_path) not in card_text(facts, "adapter", ())
    named = shared_facts(run, run / "final", "org/base@v1", "me/x")
    assert (named.base, named.on_hub) == ("org/base@v1", True)
    assert 'base = "org/base@v1"' in named.recipe


def test_what_only_the_run_s_process_knew_is_taken_from_its_card(tmp_path: Path) -> None:
    own = CardFacts("b", converted=True, imports=("mft_glm.modeling",))
    (tmp_path / "README.md").write_text(card_text(own, "adapter", ()))
    facts = shared_facts(tmp_path, tmp_path, "org/b", "me/x")
    assert facts == CardFacts("org/b", on_hub=True, converted=True, imports=own.imports, repository="me/x")
    assert not shared_facts(tmp_path, tmp_path, "", "me/x").on_hub
