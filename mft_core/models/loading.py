"""Checkpoints and tokenizers to native transformers objects, without remote code."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError
from mft_core.models.building import build_empty
from mft_core.models.checkpoints.config import UNBUILDABLE, describe_config, read_config, remote_code_note
from mft_core.models.checkpoints.weight_files import WRONG_WEIGHTS, weight_files
from mft_core.models.end_tokens import read_end_tokens
from mft_core.models.quantization import Quantization, bitsandbytes_config, keep_dense_path

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.models.adapter import ModelAdapter
    from mft_core.models.quantizing_together import SharedVectors

logger = logging.getLogger(__name__)

MOST_NUMBERS_PER_BYTE = 2
"""Weights are stored in two bytes each, or more; this leaves room for every layout."""
FEW_NUMBERS = 10_000_000
"""For which there is memory in any case: what is wrong with smaller files is said by whoever reads them."""
MOST_TEST_EMBEDDINGS = 1024
"""A model with more of them needs the tokenizer that it was trained with."""

PANIC = "PanicException"
"""What the tokenizers library raises where its Rust code gives up; no Exception, and of no module to import it from."""
PAD_TOKENS = ("<pad>", "<|pad|>", "[PAD]")


def load_tokenizer(adapter: ModelAdapter | None, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`, with a pad token, and with the family's chat template if it has none of its own.

    Args:
        adapter: of the family; None: not known.

    Raises:
        MftError: it cannot be loaded without remote code, has neither pad nor end token, or would do harm.
    """
    from mft_core.models.tokenizers.byte_level import holds_tokenizer
    from mft_core.models.tokenizers.checking import check_tokenizer
    from mft_core.models.tokenizers.loading import load_tokenizer_files
    from mft_core.models.tokenizers.settings import check_settings, check_vocabularies

    if not holds_tokenizer(folder):
        return _bytes_as_tokens(adapter, folder)
    check_settings(folder)
    check_tokenizer(folder)
    try:
        tokenizer = adapter.load_tokenizer(folder) if adapter is not None else load_tokenizer_files(folder)
    except (OSError, ImportError, *UNBUILDABLE) as error:
        check_vocabularies(folder)
        raise MftError(f"The tokenizer in {folder} cannot be loaded: {error}") from error
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise MftError(f"The tokenizer in {folder} is damaged: {error}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = _pad_token(tokenizer, folder)
    if tokenizer.chat_template is None and adapter is not None:
        tokenizer.chat_template = adapter.chat_template
    return tokenizer


def _bytes_as_tokens(adapter: ModelAdapter | None, folder: Path) -> PreTrainedTokenizerBase:
    """The byte tokenizer, for a checkpoint without any; only where the embeddings are too few for a published one."""
    from mft_core.models.tokenizers.byte_level import BYTE_VOCABULARY, byte_tokenizer

    rows = adapter.load_config(folder).vocab_size if adapter is not None else 0
    if not BYTE_VOCABULARY <= rows <= MOST_TEST_EMBEDDINGS:
        raise MftError(
            f"{folder} holds no tokenizer.",
            "Put the files that were published with the model beside its weights: tokenizer.json, or tokenizer.model, "
            "or *.tiktoken.",
        )
    logger.warning("%s holds no tokenizer, and a model of %d embeddings: its tokens are taken for bytes.", folder, rows)
    return byte_tokenizer()


def _pad_token(tokenizer: PreTrainedTokenizerBase, folder: Path) -> str:
    vocabulary = tokenizer.get_vocab()
    for token in (*PAD_TOKENS, tokenizer.eos_token):
        if token in vocabulary:
            return token
    raise MftError(f"The tokenizer in {folder} has neither a pad nor an end token.")


def load_base(
    adapter: ModelAdapter,
    folder: Path,
    dtype: torch.dtype,
    *,
    quantization: Quantization | None = None,
    device: torch.device | None = None,
    spread: bool = False,
) -> PreTrainedModel:
    """The checkpoint in `folder` as a native transformers model in eval mode, with packed attention.

    Args:
        dtype: of the weights in memory, as far as they are not quantised.
        quantization: of the linear layers' weights, while they are read; None: they stay dense.
        device: where the weights go straight from the files, and where they are quantised; None: memory of the
            processor.
        spread: they are to be spread over the processes, all of which load them now: they stay in memory of the
            processor, quantised ones in files that the processes of a machine share.

    Raises:
        MftError: another family, a variant that would load wrong, remote code, code in a pickle, or weights that do not
            fit the configuration; generation settings that are damaged.
    """
    import torch

    from mft_core.nn.packed_attention import register_packed_attention, suitable_attention

    config = read_config(folder)
    if not adapter.recognizes(config):
        kind, note = describe_config(config), remote_code_note(config)
        raise MftError(f"{type(adapter).__name__} does not recognise the checkpoint in {folder} ({kind}).{note}")
    adapter.check_supported(config)
    read_end_tokens(folder)
    register_packed_attention()
    native_config, loading = adapter.native_config(config, folder), None
    empty = build_empty(native_config, dtype)
    _check_size(empty, folder)
    if quantization:
        loading = bitsandbytes_config(quantization, empty, dtype)
        device = device or torch.device("cpu")
    place = torch.device("cpu") if spread else device
    try:
        attention = suitable_attention(native_config)
        with _sharing(empty, quantization, dtype, device) if spread else nullcontext() as shared:
            model = adapter.load_model(folder, config, native_config, dtype, attention, loading, place)
            if shared:
                shared.give_to(model)
    except (OSError, *UNBUILDABLE) as error:
        raise MftError(f"The model in {folder} cannot be loaded: {error!r}") from error
    model.name_or_path = str(folder.resolve())
    if quantization:
        keep_dense_path(model)
    return model.eval()


def _sharing(
    empty: PreTrainedModel, quantization: Quantization | None, dtype: torch.dtype, device: torch.device | None
) -> AbstractContextManager[SharedVectors | None]:
    if quantization is None or device is None:
        return nullcontext()
    from mft_core.models.quantizing_together import quantizing_together

    return quantizing_together(empty, quantization, dtype, device)


def _check_size(empty: PreTrainedModel, folder: Path) -> None:
    """Refuse a configuration of a model far larger than its weight files, before memory is taken for it."""
    numbers = sum(parameter.numel() for parameter in empty.parameters())
    stored = sum(path.stat().st_size for path in weight_files(folder).paths)
    if numbers > max(MOST_NUMBERS_PER_BYTE * stored, FEW_NUMBERS):
        raise MftError(
            f"{folder / 'config.json'} wants a model of {numbers:,} numbers; its weight files have {stored:,} bytes.",
            WRONG_WEIGHTS,
        )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that makes ids the model has no embedding for.

    Raises:
        MftError: it does.
    """
    rows = model.get_input_embeddings().num_embeddings
    highest = max(tokenizer.get_vocab().values())
    if highest >= rows:
        raise MftError(
            f"The tokenizer's ids go up to {highest}, but the model has {rows} embeddings.",
            "They do not belong together; use the tokenizer that was published with the model.",
        )
