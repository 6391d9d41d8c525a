from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.readers import READERS
from mft_core.audit.benchmarks import problems_of
from mft_core.errors import MftError, UsageError
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

CATALOG = discover(Workspace()).catalog
ROW = {
    "task_id": "HumanEval/0", "prompt": 'def double(number):\n    """Twice the number, whatever it is."""\n',
    "canonical_solution": "    return 2 * number\n", "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    "entry_point": "double",
}  # fmt: skip


def test_the_set_of_an_evaluator(tmp_path: Path) -> None:
    path = tmp_path / "HumanEval.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")
    (problem,) = problems_of(f"humaneval={path}", CATALOG, READERS)
    assert (problem.of, problem.name) == ("humaneval", "HumanEval/0")
    assert problem.parts[0] == ROW["prompt"] + ROW["canonical_solution"]


def test_a_set_that_cannot_be_had_is_asked_for_as_this_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for wanted in ("humaneval", f"humaneval={tmp_path / 'none'}"):
        with pytest.raises(MftError) as caught:
            problems_of(wanted, CATALOG, READERS)
        assert "humaneval=PATH" in caught.value.hint
        assert "--set" not in caught.value.hint


def test_a_file_of_problems(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        'name,asked,tests\nfirst,"What is asked, in more than forty characters of text.",x\n', encoding="utf-8"
    )
    (problem,) = problems_of(str(path), CATALOG, READERS)
    assert (problem.of, problem.name, len(problem.parts)) == ("mine.csv", "first", 1)


def test_what_is_neither_is_named() -> None:
    with pytest.raises(UsageError, match="no such file, nor an evaluator") as caught:
        problems_of("humanevel", CATALOG, READERS)
    assert "humaneval" in caught.value.hint
