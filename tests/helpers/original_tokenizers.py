"""Small tokenizers in the original files of every family."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from helpers.small_vocabularies import LLAMA_OPTIONS, ranks_file, sentencepiece_model
from mft_core.records import Turn

ASKED = (Turn("user", "What is </s> here?\n"),)
CONVERSATION = (
    Turn("system", "Be  kind."),
    Turn("user", "  Sort 3 1.\n"),
    Turn("assistant", "1 3"),
    Turn("user", "And  now?"),
    Turn("assistant", "for x in y:\n    print(x)\n"),
)


def ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [turn._asdict() for turn in turns]


def write_settings(folder: Path, **files: Any) -> None:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def rename(**names: str) -> Callable[[Any], None]:
    """Names for some pieces: _195="..."."""

    def change(proto: Any) -> None:
        for number, name in names.items():
            proto.pieces[int(number[1:])].piece = name

    return change


RANKS = ranks_file()


def small_baichuan(folder: Path) -> Path:
    names = {f"_{number}": f"<reserved_{number - 93}>" for number in (195, 196)}
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(change=rename(**names), **LLAMA_OPTIONS))
    return folder


def small_chatglm(folder: Path, **config: Any) -> Path:
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    write_settings(folder, config={"model_type": "chatglm", **config})
    return folder


def small_glm_4(folder: Path) -> Path:
    (folder / "tokenizer.model").write_bytes(RANKS)
    return folder


def small_qwen(folder: Path) -> Path:
    (folder / "qwen.tiktoken").write_bytes(RANKS)
    return folder


def small_llama(folder: Path) -> Path:
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    return folder
