"""Base models: found by name, recognised, loaded without remote code, and made ready for tuning."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, UsageError
from mft_core.quantization import Quantization, bitsandbytes_config, keep_dense_path
from mft_core.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.catalog import Catalog
    from mft_core.interfaces import ModelAdapter

logger = logging.getLogger(__name__)

FOLDER, HUB = "folder", "hub"
"""Bases that a bare path and a bare ORG/NAME stand for."""

MOST_TEST_EMBEDDINGS = 1024
"""A model with more of them needs the tokenizer that it was trained with."""

UNBUILDABLE = (ValueError, RuntimeError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What transformers' model classes raise where a configuration's values do not go together."""

PAD_TOKENS = ("<pad>", "<|pad|>", "[PAD]")


def resolve_base(reference: str, names: Collection[str]) -> tuple[str, str]:
    """Which base component `--base REFERENCE` means, and the reference to hand to it.

    A component's name; "NAME:rest"; an existing folder or file; ORG/NAME on the Hub; in this order.

    Args:
        reference: as the user typed it.
        names: the base components there are.

    Raises:
        UsageError: it is none of these.
    """
    if reference in names:
        return reference, ""
    name, colon, rest = reference.partition(":")
    if colon and name in names:
        return name, rest
    if reference and Path(reference).expanduser().exists():
        return FOLDER, reference
    if reference.count("/") == 1 and all(reference.split("/")) and not reference.startswith((".", "~")):
        return HUB, reference
    raise UsageError(
        f"There is no base {reference!r}: no component, no folder and no ORG/NAME.", did_you_mean(reference, names)
    )


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        MftError: it is missing or is no JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MftError(f"{folder} has no config.json, so it is no model folder.") from None
    except ValueError as error:
        raise MftError(f"{path} is no valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise MftError(f"{path} is no JSON object.")
    return config


def model_adapters(catalog: Catalog) -> list[tuple[str, ModelAdapter]]:
    """Every model family that can be used here, with its name ("plugin/name" where two plugins share one).

    A family that cannot be imported is named in the log and left out: another one may well recognise the checkpoint.
    """
    entries = catalog.of_kind("model")
    names = [entry.name for entry in entries]
    adapters = []
    for entry in entries:
        unique = f"{entry.plugin}/{entry.name}"
        try:
            adapter = catalog.build("model", unique)
        except MftError as error:
            logger.warning("%s It is left out.", error.message)
            continue
        adapters.append((entry.name if names.count(entry.name) == 1 else unique, adapter))
    return adapters


def recognize_adapter(adapters: Iterable[tuple[str, ModelAdapter]], config: Mapping[str, Any], wanted: str = "") -> str:
    """The name of the adapter for a checkpoint.

    Args:
        adapters: all there are, with their names.
        config: the checkpoint's, from `read_config`.
        wanted: the name of the one the user chose; "": whichever recognises the checkpoint.

    Raises:
        UsageError: the wanted one does not recognise the checkpoint; the message names the right one. Or several do.
        MftError: none does, or it is a variant that would load wrong.
    """
    pairs = list(adapters)
    fitting = [name for name, adapter in pairs if adapter.recognizes(config)]
    kind = describe_config(config)
    if not fitting:
        known = ", ".join(name for name, _ in pairs) or "none"
        raise MftError(
            f"No model adapter recognises this checkpoint ({kind}).{_remote_code(config)}",
            f"Model families here: {known}. A plugin can add one.",
        )
    if wanted and wanted not in fitting:
        raise UsageError(f"--model {wanted} does not fit this checkpoint ({kind}).", f"Use --model {fitting[0]}.")
    if not wanted and len(fitting) > 1:
        raise UsageError(f"Several adapters recognise this checkpoint: {', '.join(fitting)}.", "Choose with --model.")
    chosen = wanted or fitting[0]
    dict(pairs)[chosen].check_supported(config)
    return chosen


def describe_config(config: Mapping[str, Any]) -> str:
    """A checkpoint's kind in a few words, for messages."""
    architectures = ", ".join(config.get("architectures") or ()) or "no architecture named"
    return f"model_type {config.get('model_type', 'missing')!r}, {architectures}"


def _remote_code(config: Mapping[str, Any]) -> str:
    if not config.get("auto_map"):
        return ""
    return f" It wants code of its own to be run ({', '.join(map(str, config['auto_map']))}), which mft never does."


def load_tokenizer(adapter: ModelAdapter | None, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`, with a pad token, and with the family's chat template if it has none of its own.

    Args:
        adapter: of the family; None: not known.

    Raises:
        MftError: it cannot be loaded without remote code, or has neither pad nor end token.
    """
    from mft_core.tokenizers import load_tokenizer_files
    from mft_core.tokenizers.byte_level import holds_tokenizer

    if not holds_tokenizer(folder):
        return _bytes_as_tokens(adapter, folder)
    try:
        tokenizer = adapter.load_tokenizer(folder) if adapter is not None else load_tokenizer_files(folder)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise MftError(f"The tokenizer in {folder} cannot be loaded: {error}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = _pad_token(tokenizer, folder)
    if tokenizer.chat_template is None and adapter is not None:
        tokenizer.chat_template = adapter.chat_template
    return tokenizer


def _bytes_as_tokens(adapter: ModelAdapter | None, folder: Path) -> PreTrainedTokenizerBase:
    """The byte tokenizer, for a checkpoint without any; only where the embeddings are too few for a published one."""
    from mft_core.tokenizers.byte_level import BYTE_VOCABULARY, byte_tokenizer

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
) -> PreTrainedModel:
    """The checkpoint in `folder` as a native transformers model in eval mode, with packed attention.

    Args:
        dtype: of the weights in memory, as far as they are not quantised.
        quantization: of the linear layers' weights, while they are read; None: they stay dense.
        device: where the weights go straight from the files; None: memory of the processor.

    Raises:
        MftError: another family, a variant that would load wrong, remote code, code in a pickle, or weights that do not
            fit the configuration.
    """
    import torch

    from mft_core.attention import register_packed_attention, suitable_attention

    config = read_config(folder)
    if not adapter.recognizes(config):
        kind = describe_config(config)
        raise MftError(
            f"{type(adapter).__name__} does not recognise the checkpoint in {folder} ({kind}).{_remote_code(config)}"
        )
    adapter.check_supported(config)
    register_packed_attention()
    native_config, loading = adapter.load_config(folder), None
    if quantization:
        loading = bitsandbytes_config(quantization, build_empty(native_config, dtype), dtype)
        device = device or torch.device("cpu")
    try:
        attention = suitable_attention(native_config)
        model = adapter.load_model(folder, dtype, attention, quantization=loading, device=device)
    except (OSError, *UNBUILDABLE) as error:
        raise MftError(f"The model in {folder} cannot be loaded: {error!r}") from error
    model.name_or_path = str(folder.resolve())
    if quantization:
        keep_dense_path(model)
    return model.eval()


def build_empty(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """A model without memory, on the meta device: its shapes can be counted and its tuning prepared.

    Raises:
        MftError: transformers cannot build it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager")
    except UNBUILDABLE as error:
        raise MftError(f"config.json describes a {config.model_type} that cannot be built: {error!r}") from error


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


def quieten_libraries() -> None:
    """Silence transformers' progress bars and advice: for commands whose output is read by people or programs."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
