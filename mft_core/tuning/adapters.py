"""PEFT adapters of any origin put onto a base, strictly: what the adapter's files hold is used whole, or refused."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.support.bounded import trial
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, read_json_object

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

PATTERN_PROGRAM = "mft_core.tuning.pattern_trial"
PATTERN_KEYS = (
    "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "layers_pattern", "target_parameters",
    "modules_to_save", "feedforward_modules",
)  # fmt: skip
PLAIN = re.compile(r"[\w.-]*")
MISSHAPEN = re.compile(
    r"size mismatch for (?:base_model\.model\.)?(\S+): copying a param with shape torch\.Size\((\[[\d, ]*\])\) from "
    r"checkpoint, the shape in current model is torch\.Size\((\[[\d, ]*\])\)"
)
EMBEDDINGS = re.compile(r"embed|wte|lm_head|output_layer")
HANDLED = re.compile("tie_word_embeddings|gradient_checkpointing|fan_in_fan_out is set")
SAVED = ".modules_to_save"
MISSING = "Found missing adapter keys"
ANOTHER_BASE = "Give the base that it was trained on, or fetch the adapter again."


def load_adapter(model: PreTrainedModel, folder: Path, name: str = "default") -> PeftModel:
    """PEFT's wrapper around `model` with the adapter in `folder`, in eval mode, on the processor.

    Args:
        name: what the wrapper calls the adapter.

    Raises:
        MftError: the adapter does not fit the model, lacks weights or has some that would not be used, or cannot be
            read.
    """
    from peft import PeftModel, load_peft_weights
    from safetensors import SafetensorError

    _check_patterns(model, folder)
    try:
        with _missing_is_an_error():
            tuned = PeftModel.from_pretrained(model, str(folder), adapter_name=name, torch_device="cpu")
            unused = _unused(tuned, load_peft_weights(str(folder), device="cpu"))
    except MftError:
        raise
    except (OSError, SafetensorError, ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
        raise _refusal(error, folder) from error
    if unused:
        raise MftError(
            f"The adapter in {folder} holds {len(unused)} weights that its base has no place for, such as "
            f"{min(unused)}.",
            ANOTHER_BASE,
        )
    return tuned.eval()


def _check_patterns(model: PreTrainedModel, folder: Path) -> None:
    """Refuse regular expressions in an adapter's configuration that take for ever to match a module's name."""
    patterns = sorted(set(_patterns(read_json_object(folder / ADAPTER_CONFIG))))
    if not patterns:
        return
    names = [name for name, _ in model.named_modules()]
    tried, trouble = trial(PATTERN_PROGRAM, json.dumps({"patterns": patterns, "names": names}))
    if trouble:
        raise MftError(
            f"{folder / ADAPTER_CONFIG} holds a pattern of modules that cannot be used: {tried} {trouble}.",
            "It may be damaged, or made to do harm.",
        )


def _patterns(config: Mapping[str, Any]) -> Iterator[str]:
    """Strings that PEFT matches as regular expressions, but for plain names."""
    for key in PATTERN_KEYS:
        value = config.get(key) or ()
        yield from (text for text in ([value] if isinstance(value, str) else value) if not PLAIN.fullmatch(str(text)))


def _unused(tuned: PeftModel, weights: dict[str, torch.Tensor]) -> list[str]:
    """Names in an adapter's file that loading it, which PEFT does without a word about them, leaves out."""
    from peft import set_peft_model_state_dict

    if tuned.peft_config[tuned.active_adapter].is_prompt_learning:
        return []
    unused = set_peft_model_state_dict(tuned, weights, adapter_name=tuned.active_adapter).unexpected_keys
    # PEFT writes resized embeddings twice, the second time by a name that it does not read.
    return [name for name in unused if name.replace(SAVED, "") not in weights.keys() - {name}]


def _refusal(error: Exception, folder: Path) -> MftError:
    """What went wrong in PEFT, said for users."""
    misshapen = MISSHAPEN.search(str(error))
    if not misshapen:
        return MftError(f"The adapter in {folder} cannot be loaded: {' '.join(str(error).split())}", ANOTHER_BASE)
    name, stored, wanted = misshapen.groups()
    resized = "Resize the base's embeddings to that many rows, save it as a folder and give it with --base."
    return MftError(
        f"The adapter in {folder} does not fit its base: {name} is {stored} in the adapter and {wanted} in the base.",
        f"Its embeddings were resized in training. {resized}" if EMBEDDINGS.search(name) else ANOTHER_BASE,
    )


@contextmanager
def _missing_is_an_error() -> Iterator[None]:
    """PEFT's warnings go to the log, but for missing weights, which are an error, and for what is right anyhow."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield
    for text in [" ".join(str(warning.message).split()) for warning in seen]:
        if MISSING in text:
            raise MftError(f"The adapter's weights are incomplete. {text[:300]}", ANOTHER_BASE)
        if not HANDLED.search(text):
            logger.warning("%s", text)
