"""Answers: laid out as in training, ended by the trained end token, streamed."""

from __future__ import annotations

import pytest
import torch

from mft_core.errors import MftError
from mft_core.generation.answering import Sampling
from mft_core.generation.assistant import Assistant
from mft_core.generation.opening import open_assistant
from mft_core.records import Turn
from mft_core.registry.catalog import Catalog

QUESTION = [Turn("user", "Reverse a list in Python.")]


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_answer_stays_within_the_context(catalog: Catalog) -> None:
    assistant = open_assistant("tiny", catalog, "starcoder")
    always(assistant, assistant.tokenizer.convert_tokens_to_ids("a"))
    long = [Turn("user", "1" * 4080)]
    answer = assistant.answer(long, Sampling(max_new_tokens=100))
    assert answer.prompt_tokens + answer.new_tokens == 4096
    with pytest.raises(MftError, match="the model's context 4096"):
        assistant.answer([Turn("user", "1" * 4200)], Sampling())
