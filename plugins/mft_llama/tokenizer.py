"""The tokenizer of Llama 1 and 2, CodeLlama and Mistral (SentencePiece), with Llama 2's roles.

Source: `Llama.chat_completion` published with Llama 2. Contents are not stripped, since they may be code.
"""

from __future__ import annotations

from pathlib import Path

from mft_core.models.tokenizers.family import TokenizerFamily
from mft_core.models.tokenizers.loading import piece_names

ROLES_TEMPLATE = (
    "{% set start = namespace(system='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{% set start.system = '<<SYS>>\n' + message['content'] + '\n<</SYS>>\n\n' %}"
    "{% elif message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + start.system + message['content'] + ' [/INST]' }}{% set start.system = '' %}"
    "{% else %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
"""It asks for an answer wherever a user's turn ends."""

LLAMA_2 = TokenizerFamily(chat_template=ROLES_TEMPLATE)

PIECES = (32000, 32016)
LAST_PIECE = "给"
"""Of the model that Llama 1 and 2 share; CodeLlama's has 16 more."""


def shares_vocabulary(folder: Path) -> bool:
    """Whether the SentencePiece model in `folder` is Llama's."""
    names = piece_names(folder)
    return len(names) in PIECES and names[PIECES[0] - 1] == LAST_PIECE
