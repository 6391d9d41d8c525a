"""GGUF files, llama.cpp's format, converted once to safetensors."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mft_bases.storing import stored
from mft_core.errors import MftError
from mft_core.models.quantization import forget_quantization

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SUFFIX = ".gguf"
SINGLE_DIGITS = "smollm"
"""A pre-tokenizer that transformers does not build from its name: single digits, then GPT-2's."""
KNOWN_PRETOKENIZERS = ("", "default", "gpt-2", "qwen2", SINGLE_DIGITS)

logger = logging.getLogger(__name__)


def from_gguf(path: Path, cache: Path) -> Path:
    """The file's model and tokenizer as a folder of float32 safetensors, made on first use.

    A file that has changed since is converted again.

    Raises:
        MftError: it is no GGUF file, or one of an architecture that transformers does not read.
    """
    path = path.resolve()
    status = path.stat()
    identity = f"{path}\n{status.st_size}\n{status.st_mtime_ns}"
    name = f"gguf-{path.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    return stored(cache / name, lambda folder: convert(path, folder))


def convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF file's model and tokenizer to `folder`, as transformers loads them (safetensors, float32).

    Raises:
        MftError: as `from_gguf`.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    logger.info("converting %s to safetensors, once", gguf.name)
    try:
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        pretokenizer = _pretokenizer(gguf)
    except (OSError, ValueError, KeyError, ImportError, NotImplementedError, RuntimeError) as error:
        raise MftError(
            f"{gguf} cannot be read: {error}",
            "transformers reads GGUF files of some architectures only; use the model's safetensors.",
        ) from error
    forget_quantization(model)
    if pretokenizer == SINGLE_DIGITS:
        _split_digits(tokenizer)
    elif pretokenizer not in KNOWN_PRETOKENIZERS:
        logger.warning(
            "%s names the pre-tokenizer %r, which may be rebuilt inexactly: compare its tokens with the published ones",
            gguf.name,
            pretokenizer,
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _pretokenizer(gguf: Path) -> str:
    """What the file says of how text is cut before its byte-pair merges; "": nothing."""
    from gguf import GGUFReader

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    return str(field.contents()) if field else ""


def _split_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
