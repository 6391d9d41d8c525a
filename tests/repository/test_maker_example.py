"""The maker of docs/plugins.md as a user takes it: a single file, given with --plugin, and its test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_endpoint import Handler, fake_endpoint, reply
from helpers.kits import check_kit_passes
from helpers.paths import REPOSITORY
from helpers.running import settings, start_mft
from mft_core.making.draft import Refused
from mft_core.making.maker import SeedRequest
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing import ScriptedAuthor


def blocks() -> tuple[str, str]:
    """The maker and its test."""
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8").partition("## A maker in 30 lines")[2]
    maker, test, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return maker, test


def test_it_makes_what_the_page_says(tmp_path: Path) -> None:
    code, _ = blocks()
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    (path := tmp_path / "explain_maker.py").write_text(code, encoding="utf-8")
    plugins = discover(Workspace())
    plugins.add_file(path)
    maker = plugins.catalog.build("maker", "explain", {"terms": ["closure", "set"]}, "[method]")
    seeds = list(maker.seeds(SeedRequest()))
    assert {seed.topic for seed in seeds} == {"closure", "set"}
    assert list(maker.seeds(SeedRequest(round=1))) == []
    closure = next(seed for seed in seeds if seed.text == "closure")
    author = ScriptedAuthor({"question": "What is a closure?", "answer": "A function with its surroundings."})
    (draft,) = maker.make(closure, author)
    assert author.stages() == ["question", "answer"]
    assert (draft.instruction, draft.answer) == ("What is a closure?", "A function with its surroundings.")
    with pytest.raises(Refused, match="not about the term"):
        list(maker.make(closure, ScriptedAuthor({"question": "What is a set?"})))


@pytest.mark.slow
def test_it_passes_the_kit_as_the_page_says(tmp_path: Path) -> None:
    maker, test = blocks()
    check_kit_passes(tmp_path, "explain_maker", maker, test)


@pytest.mark.slow
def test_the_command_makes_data_with_it(tmp_path: Path) -> None:
    (path := tmp_path / "explain_maker.py").write_text(blocks()[0], encoding="utf-8")

    def explain(handler: Handler, body: dict[str, Any]) -> None:
        term = body["messages"][-1]["content"]
        asked = body["messages"][0]["content"].startswith("Ask")
        text = f"What is a {term}, in a few words?" if asked else f"{term} It goes on where it was: {len(term)}."
        handler.send(200, reply(text, model="one"))

    with fake_endpoint(explain) as endpoint:
        where = ["--endpoint", endpoint.url, "--model", "one", "--output", str(tmp_path / "made")]
        loose = settings("filters.near=1", "filters.rouge=1", "valid_fraction=0")
        # In a process of its own: a module of this name is there already.
        process = start_mft(["data", "make", "--method", "explain", "--plugin", str(path), *where, *loose])
        output, _ = process.communicate()
    assert process.returncode == 0, output
    # Three terms, then a round without a seed.
    assert len((tmp_path / "made" / "train.jsonl").read_text(encoding="utf-8").splitlines()) == 3
