"""The tokens at which a model's answer ends, and how a folder says so to plain transformers and servers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.support.json_files import AGAIN, read_object

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from mft_core.data.tokenization import Tokenization

GENERATION_CONFIG = "generation_config.json"


def end_tokens(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, tokenization: Tokenization | None = None
) -> tuple[int, ...]:
    """Ids of all tokens that end an answer, each once: the tokenization's (the one that training puts behind an answer
    first), the tokenizer's own end token, and those of the base's generation settings.

    Args:
        model: a transformers language model, or PEFT's wrapper around one.
        tokenizer: the model's own.
        tokenization: bound to `tokenizer`; None: the model was trained on plain text.
    """
    from peft import PeftModel

    language_model: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    settings = getattr(language_model, "generation_config", None)
    named = [*(tokenization.end_tokens if tokenization else ()), tokenizer.eos_token_id]
    return tuple(dict.fromkeys([*_ids(named), *_ids(getattr(settings, "eos_token_id", None))]))


def write_end_tokens(folder: Path, ends: Sequence[int]) -> None:
    """Name the end tokens in the folder's generation settings, the other settings kept; nothing where `ends` is empty.

    The file is edited, not the model's settings: transformers saves published settings that contradict each other only
    as long as they are untouched.
    """
    if not ends:
        return
    settings = read_object(folder / GENERATION_CONFIG)
    # With this mark transformers may take the model configuration's one end token again.
    settings.pop("_from_model_config", None)
    text = json.dumps({**settings, "eos_token_id": list(ends)}, indent=2, sort_keys=True)
    (folder / GENERATION_CONFIG).write_text(text + "\n", encoding="utf-8")


def read_end_tokens(folder: Path) -> tuple[int, ...]:
    """What the folder's generation settings name; nothing where there are none.

    Raises:
        MftError: the file is no JSON object, or names something else than ids of tokens. transformers would take it for
            absent: answers would not end where the model was trained to end them.
    """
    path = folder / GENERATION_CONFIG
    named = read_object(path).get("eos_token_id")
    several = named if isinstance(named, list) else [named]
    if not all(token is None or type(token) is int for token in several):
        raise MftError(f"{path}: eos_token_id = {named!r} is no id of a token and no list of such.", AGAIN)
    return tuple(_ids(several))


def _ids(given: int | Iterable[int | None] | None) -> list[int]:
    several = given if isinstance(given, Iterable) else [given]
    return [int(token) for token in several if token is not None]
