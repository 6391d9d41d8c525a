"""The tokenizers of ChatGLM2, ChatGLM3 and CodeGeeX2 (SentencePiece) and of the first GLM-4 (tiktoken ranks).

Every text begins with `[gMASK]` and `sop`. ChatGLM's "sop" and "eop" are called "<sop>" and "<eop>" here, as GLM-4
calls them, so that no tokenizer that loads what is saved finds one in "sophistic".

Source: tokenization_chatglm.py and `build_chat_input` published with chatglm2-6b, chatglm3-6b and glm-4-9b.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mft_chatglm.original import published_version
from mft_core.models.checkpoints.config import read_config
from mft_core.models.tokenizers.family import TokenizerFamily
from mft_core.models.tokenizers.loading import piece_names

PIECES = 64789
"""Of the SentencePiece model that ChatGLM2, ChatGLM3 and CodeGeeX2 share."""

BEGINNING = ("[gMASK]", "<sop>")
MASKS = ("[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>")
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
MEDIA = ("<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>")

ROUNDS_TEMPLATE = (
    "[gMASK]<sop>{% set round = namespace(number=0) %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'user' %}{% set round.number = round.number + 1 %}"
    "{{ '[Round ' + round.number | string + ']\n\n问\uff1a' + message['content'] + '\n\n答\uff1a' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)
"""ChatGLM2's. It asks for an answer wherever a user's turn ends."""


def _roles_template(space: str) -> str:
    """ChatGLM3's and GLM-4's. `space` stands for the one that SentencePiece puts before each content by itself."""
    return (
        "[gMASK]<sop>{% for message in messages %}"
        "{{ '<|' + message['role'] + '|>\n" + space + "' + message['content'] }}"
        "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )


CHATGLM3 = TokenizerFamily(
    beginning=BEGINNING,
    appended=(*MASKS, *ROLES),
    controls=(*BEGINNING, *ROLES),
    padding="<unk>",
    chat_template=_roles_template(" "),
)
CHATGLM2 = replace(CHATGLM3, chat_template=ROUNDS_TEMPLATE)
GLM4 = TokenizerFamily(
    beginning=BEGINNING,
    appended=("<|endoftext|>", *MASKS, *ROLES, *MEDIA),
    controls=("<|endoftext|>", *BEGINNING, *ROLES),
    end="<|endoftext|>",
    padding="<|endoftext|>",
    chat_template=_roles_template(""),
)


def tokenizer_family(folder: Path) -> TokenizerFamily:
    """Of the checkpoint in `folder`, by its vocabulary file and by marks of its config.json; ChatGLM3's without one."""
    if not piece_names(folder):
        return GLM4
    if (folder / "config.json").is_file() and published_version(read_config(folder)) != "later":
        return CHATGLM2
    return CHATGLM3


def shares_vocabulary(folder: Path) -> bool:
    """Whether the SentencePiece model in `folder` is that of ChatGLM2, ChatGLM3 and CodeGeeX2."""
    return len(piece_names(folder)) == PIECES


def with_our_names(template: str | None) -> str | None:
    """A checkpoint's own template, with "sop" called as it is here."""
    return template and template.replace("[gMASK]sop", "[gMASK]<sop>")
