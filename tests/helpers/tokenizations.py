"""Tokenizations bound to small tokenizers."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from mft_core.records import Record, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tokenizations import supervised_runs
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.tokenizations import Chat


def bound(kind: type[ChatTokenization], tokenizer: PreTrainedTokenizerFast) -> ChatTokenization:
    tokenization = kind()
    tokenization.bind(tokenizer)
    return tokenization


def with_template(template: str, *added: AddedToken, kind: str = "byte") -> ChatTokenization:
    return bound(Chat, small_tokenizer(kind, *added, chat_template=template))


def question(answer: str = "yes", asked: str = "Is it?") -> Record:
    return Record(turns=(Turn("user", asked), Turn("assistant", answer)))


def runs(tokenization: ChatTokenization, record: Record) -> list[str]:
    """The supervised stretches of all samples of a record, decoded."""
    found = [run for sample in tokenization.samples(record) for run in supervised_runs(sample)]
    return [tokenization._tokenizer.decode(run) for run in found]


def rendered(tokenization: ChatTokenization, turns: Sequence[Turn], generate: bool = False) -> str:
    messages = [turn._asdict() for turn in turns]
    return tokenization._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate)
