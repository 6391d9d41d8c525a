"""Answers: laid out as in training, ended by the trained end token, streamed, and the commands around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from click.testing import Result
from typer.testing import CliRunner

from helpers.finished_runs import finished
from mft_cli.chat import chat
from mft_cli.export import export
from mft_cli.generate import generate
from mft_cli.session import Session
from mft_core.errors import MftError, UsageError
from mft_core.generation.assistant import Assistant, Sampling
from mft_core.generation.opening import open_assistant
from mft_core.records import Turn
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

QUESTION = [Turn("user", "Reverse a list in Python.")]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(discover(Workspace()))


@pytest.fixture
def catalog(session: Session) -> Catalog:
    return session.plugins.catalog


@pytest.fixture
def command(session: Session) -> Callable[..., Result]:
    """Calls one of the commands as `mft` does."""
    app = typer.Typer()
    for function in (chat, generate, export):
        app.command(function.__name__)(function)

    def call(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, obj=session)

    return call


def always(assistant: Assistant, token: int) -> None:
    """Let the model predict `token` whatever it sees."""
    head = assistant.model.get_output_embeddings()
    head.bias = torch.nn.Parameter(torch.zeros(head.out_features))
    head.weight.data.zero_()
    head.bias.data[token] = 1.0


@pytest.mark.parametrize("family", ["llama", "qwen"])
def test_the_prompt_is_that_of_training(family: str, catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, family)
    text = assistant.tokenizer.decode(assistant.tokenization.prompt(QUESTION))
    assert QUESTION[0].content in text
    assert ("<|im_start|>" in text) == (family == "qwen")


@pytest.mark.parametrize(("family", "end"), [("llama", "<|endoftext|>"), ("qwen", "<|im_end|>")])
def test_an_answer_ends_with_the_token_trained_to_end_it(family: str, end: str, catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, family)
    token = assistant.tokenizer.convert_tokens_to_ids(end)
    assert token in assistant.end_tokens
    always(assistant, token)
    answer = assistant.answer(QUESTION, Sampling(max_new_tokens=20))
    assert (answer.text, answer.new_tokens, answer.finished) == ("", 1, True)
    always(assistant, assistant.tokenizer.convert_tokens_to_ids("a"))
    answer = assistant.answer(QUESTION, Sampling(max_new_tokens=3))
    assert (answer.text, answer.new_tokens, answer.finished) == ("aaa", 3, False)


def test_streaming_gives_the_same_text_in_pieces(catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, "llama")
    pieces: list[str] = []
    answer = assistant.answer(QUESTION, Sampling(max_new_tokens=40), pieces.append)
    assert "".join(pieces) == answer.text != ""
    assert len([piece for piece in pieces if piece]) > 1


def test_sampling_follows_temperature_and_seed(catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, "llama")
    state = torch.get_rng_state()
    texts = [
        assistant.answer(QUESTION, Sampling(20, temperature, seed)).text
        for temperature, seed in ((0, 1), (0, 2), (1.5, 1), (1.5, 1), (1.5, 2))
    ]
    assert texts[0] == texts[1] != texts[2]
    assert texts[2] == texts[3] != texts[4]
    assert torch.equal(torch.get_rng_state(), state)


def test_an_answer_stays_within_the_context(catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, "starcoder")
    always(assistant, assistant.tokenizer.convert_tokens_to_ids("a"))
    long = [Turn("user", "1" * 4080)]
    answer = assistant.answer(long, Sampling(max_new_tokens=100))
    assert answer.prompt_tokens + answer.new_tokens == 4096
    with pytest.raises(MftError, match="the model's context 4096"):
        assistant.answer([Turn("user", "1" * 4200)], Sampling())


def test_what_is_neither_run_nor_base_is_wrong_use(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="'smolm2' is neither a run folder nor a base"):
        open_assistant("smolm2", catalog)
    with pytest.raises(UsageError, match="no model called 'lama'"):
        open_assistant("tiny", catalog, "lama")
    with pytest.raises(UsageError, match="none is chosen"):
        open_assistant("tiny", catalog)


def test_generate_prints_text_or_json(command: Callable[..., Result]) -> None:
    plain = command("generate", "tiny", "--model", "qwen", "--prompt", "Hello", "--max-new-tokens", "8")
    assert plain.exit_code == 0, plain.output
    as_json = command("generate", "tiny", "--model=qwen", "--prompt=-", "--max-new-tokens=8", "--json", stdin="Hello")
    facts: dict[str, Any] = json.loads(as_json.stdout)
    assert facts["text"] == plain.stdout[:-1]
    assert facts["prompt"] == "Hello"
    assert 0 < facts["new_tokens"] <= 8


def test_chat_takes_piped_lines_and_remembers(command: Callable[..., Result], catalog: Catalog) -> None:
    said = command("chat", "tiny", "--model", "llama", "--max-new-tokens", "8", stdin="One\n\nTwo\n/new\nOne\n")
    assert said.exit_code == 0, said.output
    assistant, sampling = open_assistant("tiny", catalog, "llama"), Sampling(8)
    first = assistant.answer([Turn("user", "One")], sampling).text
    turns = [Turn("user", "One"), Turn("assistant", first), Turn("user", "Two")]
    second = assistant.answer(turns, sampling).text
    assert said.stdout == "".join(f"{text}\n" for text in (first, second, first))
    left = command("chat", "tiny", "--model", "llama", "--max-new-tokens", "8", stdin="One\n/exit\nTwo\n")
    assert left.stdout == f"{first}\n"


def test_export_command_reports_what_it_wrote(command: Callable[..., Result], tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    done = command("export", str(tmp_path / "run"), "--output", str(tmp_path / "out"), "--json")
    facts = json.loads(done.stdout)
    assert facts["folder"] == str(tmp_path / "out")
    assert facts["reload_difference"] < 1e-6
    shown = command("export", str(tmp_path / "run"), "--output", str(tmp_path / "out2"))
    assert str(tmp_path / "out2") in shown.stdout.replace("\n", "")
    assert "logits differ by" in shown.stdout
