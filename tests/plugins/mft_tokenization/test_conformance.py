"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerBase

from mft_core.testing import TokenizationTests
from mft_core.testing.small_tokenizers import KINDS as TOKENIZERS
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.templates import CHATML
from mft_tokenization.tokenizations import Alpaca, Auto, Chat, ChatMl, MftCoder


class TestMftCoder(TokenizationTests):
    component = MftCoder

    @pytest.fixture(params=TOKENIZERS)
    def tokenizer(self, request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
        return small_tokenizer(request.param)


class TestAlpaca(TestMftCoder):
    component = Alpaca


class TestAuto(TestMftCoder):
    component = Auto


class TestChatMl(TokenizationTests):
    component = ChatMl

    @pytest.fixture(params=[kind for kind in TOKENIZERS if kind.startswith("byte")])
    def tokenizer(self, request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
        return small_tokenizer(request.param, chat_template=CHATML)


class TestChat(TestChatMl):
    component = Chat
