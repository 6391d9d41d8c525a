"""A model whose template writes a thought before every answer: learned, asked, scored and talked with."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from helpers.chat_bases import learn_yes, write_chat_base
from helpers.chat_templates import THINK, THINK_TOKENS
from helpers.running import Evaluate, mft, settings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("think")
    write_chat_base(folder / "base", THINK, *THINK_TOKENS, eos="<|im_end|>")
    return learn_yes(folder / "base", folder / "run")


def test_the_templates_empty_thought_is_no_part_of_an_answer(
    run: Path, tmp_path: Path, evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mft("generate", str(run), "--prompt", "say 3", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["text"], answer["new_tokens"], answer["finished"]) == ("yes", 9, True)
    more = settings(f"eval.exact-match.data={run.parent / 'data' / 'yes' / 'train.jsonl'}")
    (score,) = evaluate(str(run), "--on", "exact-match", "--output", str(tmp_path / "scores"), *more)
    assert score["value"] == 1.0


def test_a_conversation_goes_on(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"say 1\nsay 2\nsay 3\n"), "utf-8"))
    assert mft("chat", str(run), "--max-new-tokens", "20") == 0
    answers = capsys.readouterr().out.splitlines()
    assert len(answers) == 3
    assert answers[0] == "yes"
