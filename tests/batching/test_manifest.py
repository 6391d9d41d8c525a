"""prepared.json is what `mft prepare` wrote, value by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mft_core.batching.manifest import check_manifest, sealed


def manifest() -> dict[str, Any]:
    form = {
        "columns": [["prompt", "q"]],
        "reasoning": "all",
        "preference": "refuse",
        "render_json": False,
        "system": "",
    }
    sides = {
        side: {"entry": "0a1b", "samples": f"samples/0-{side}.npy", "paths": ["a.jsonl"], "form": form}
        for side in ("train", "valid")
    }
    sampling = {"max_samples": 5, "valid_fraction": None, "max_length": 64, "repeat": 2.0, "watched": False}
    return {
        "format": 2,
        "made_from": {"data.max_length": 96},
        "tasks": [{"name": "add", "weight": 1.0, "sampling": sampling, "report": {"read": 1}, **sides}],
        "rows": {"seed": 0, "temperature": 1.0, "epochs": 2},
        "checksums": {"rows/0-members.npy": 1},
    }


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "weight": (lambda it: it["tasks"][0].update(weight=float("nan")), "tasks.0.weight"),
    "negative weight": (lambda it: it["tasks"][0].update(weight=-1.0), "tasks.0.weight"),
    "length": (lambda it: it["tasks"][0]["sampling"].update(max_length="64"), "tasks.0.sampling.max_length"),
    "place": (lambda it: it["tasks"][0]["train"].update(entry="../../etc"), "tasks.0.train.entry"),
    "samples": (lambda it: it["tasks"][0]["valid"].update(samples="/dev/zero"), "tasks.0.valid.samples"),
    "epochs": (lambda it: it["rows"].update(epochs=-1), "rows.epochs"),
    "lacking": (lambda it: it["tasks"][0].pop("report"), "tasks.0.report"),
    "empty": (lambda it: it.update(tasks=[]), "tasks"),
    "unknown": (lambda it: it.update(more=1), "more"),
}


def test_what_was_sealed_is_accepted_and_a_change_is_not() -> None:
    written = sealed(manifest())
    check_manifest(written)
    for change in ({"rows": {"seed": 1, "temperature": 1.0, "epochs": 2}}, {"sha256": "0"}, {"sha256": None}):
        with pytest.raises(ValueError, match="changed or damaged"):
            check_manifest({**written, **change})
    with pytest.raises(ValueError, match="changed or damaged"):
        check_manifest(manifest())


@pytest.mark.parametrize("name", CHANGES)
def test_values_that_nothing_writes_are_named(name: str) -> None:
    content = manifest()
    change, place = CHANGES[name]
    change(content)
    with pytest.raises(ValueError, match=rf"^{place}: "):
        check_manifest(sealed(content))
