"""Conversations as a chat template shows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_tokenization.layout import REFUSES_ROLES
from mft_tokenization.messages import Messages, find_message_form
from mft_tokenization.prefix_rendering import Data, PrefixRendering, plain_data
from mft_tokenization.prefix_template import PrefixTemplate, prefix_template
from mft_tokenization.templates import FIXED_DATE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATE_FAULTS = (TemplateError, TypeError, ValueError, KeyError)
"""What a template raises for messages that it does not take, by itself or by what it does with them."""


class Rendering:
    """The template of a tokenizer, with a date that does not change.

    Args:
        tokenizer: with its chat template set.

    Attributes:
        form: what messages the template takes.
        takes_system: it takes a system turn.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        template = str(tokenizer.chat_template)
        self._tokenizer = tokenizer
        self._template = (FIXED_DATE if "strftime_now" in template else "") + template
        self.form = find_message_form(self._template, self._tried)
        asked: Messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
        self.takes_system = self._tried(asked, None) is not None

    def render(self, turns: Sequence[Turn], generate: bool) -> str:
        """One conversation.

        Raises:
            RecordError: "template refuses roles".
        """
        messages, tools = self.form.messages(turns)
        try:
            return self._apply(messages, tools, generate)
        except TEMPLATE_FAULTS as error:
            raise RecordError(REFUSES_ROLES, str(error)) from error

    def together(self, conversations: Sequence[Sequence[Turn]]) -> list[str | None]:
        """Many of them in less time than one by one; None for one with tools, and for all where one is refused."""
        given = [self.form.messages(turns) for turns in conversations]
        plain = [messages for messages, tools in given if tools is None]
        try:
            shown = iter(self._apply(plain, None) if plain else [])
        except TEMPLATE_FAULTS:
            return [None] * len(given)
        return [next(shown) if tools is None else None for _, tools in given]

    def beginnings(self, turns: Sequence[Turn], counts: Sequence[int]) -> PrefixRendering:
        """The beginnings of `counts` turns of a conversation; to render many of them takes the time of a few."""
        return PrefixRendering(turns, self.render, counts, self._prefix_template, lambda: self._data(turns))

    @cached_property
    def _prefix_template(self) -> PrefixTemplate | None:
        try:
            from transformers.utils.chat_template_utils import _compile_jinja_template
        except ImportError:  # a transformers that keeps it elsewhere: each beginning is rendered alone
            return None
        return prefix_template(self._template, _compile_jinja_template(self._template).environment)

    def _data(self, turns: Sequence[Turn]) -> Data:
        messages, tools = self.form.messages(turns)
        names = ("messages", "tools", "documents", *self._tokenizer.special_tokens_map)

        def show(template: str) -> str:
            return str(
                self._tokenizer.apply_chat_template(messages, tools=tools, chat_template=template, tokenize=False)
            )

        return plain_data(names, show)

    def _apply(self, messages: Messages | Sequence[Messages], tools: list[Any] | None, generate: bool = False) -> Any:
        """A text, or a list of them for many conversations."""
        return self._tokenizer.apply_chat_template(
            messages, tools=tools, chat_template=self._template, tokenize=False, add_generation_prompt=generate
        )

    def _tried(self, messages: Messages, tools: list[Any] | None) -> str | None:
        try:
            text: str = self._apply(messages, tools)
        except TEMPLATE_FAULTS:
            return None
        return text
