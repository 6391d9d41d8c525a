"""Baichuan's tokenizer (SentencePiece). Two reserved tokens, the same ids in both versions, open the turns of a chat.

Source: `build_chat_input` and generation_config.json published with Baichuan-13B-Chat and Baichuan2-7B-Chat.
"""

from __future__ import annotations

from pathlib import Path

from mft_core.models.tokenizers.family import TokenizerFamily
from mft_core.models.tokenizers.loading import piece_names

USER, ASSISTANT = 195, 196
RESERVED = "<reserved_"


def tokenizer_family(folder: Path) -> TokenizerFamily:
    """Baichuan's, with the names that the checkpoint in `folder` has for the two tokens."""
    turns = chat_tokens(folder)
    return TokenizerFamily(
        beginning=(), controls=turns, padding="<unk>", chat_template=_chat_template(*turns) if turns else None
    )


def chat_tokens(folder: Path) -> tuple[str, ...]:
    """What opens a user's and an assistant's turn; empty where the vocabulary is no Baichuan's."""
    turns = tuple(piece_names(folder)[USER : ASSISTANT + 1])
    return turns if len(turns) == 2 and all(name.startswith(RESERVED) for name in turns) else ()


def _chat_template(user: str, assistant: str) -> str:
    return (
        "{% for message in messages %}"
        "{% if message['role'] == 'system' %}{{ message['content'] }}"
        "{% elif message['role'] == 'user' %}{{ '" + user + "' + message['content'] }}"
        "{% else %}{{ '" + assistant + "' + message['content'] + eos_token }}{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}" + assistant + "{% endif %}"
    )
