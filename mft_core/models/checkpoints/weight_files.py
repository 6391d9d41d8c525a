"""Weight files of a checkpoint: which there are, and how they get into a model, strictly and without running code."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.models.checkpoints.refusals import WHOLE_WEIGHTS
from mft_core.models.checkpoints.safetensors_header import read_header

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

INDEX = ".index.json"
SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
"""The file of an unsharded checkpoint; with `INDEX` behind it: the map of a sharded one."""

FAILED_CONVERSION = "issues during automatic conversion"
"""In transformers' message where a tensor could not be converted."""

QUANTIZED_KEYS = (".qweight", ".weight_scale", ".weight_scale_inv", ".weight_packed", ".SCB", ".absmax")
"""Ends of the keys that GPTQ, AWQ, FP8, compressed-tensors and bitsandbytes store beside or instead of weights."""

WRONG_WEIGHTS = "The checkpoint is incomplete or was saved from another architecture."
PROBLEMS = (("missing_keys", "missing"), ("unexpected_keys", "unexpected"), ("mismatched_keys", "misshapen"))


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The files that hold a checkpoint's weights.

    Attributes:
        paths: sorted, each there.
        pickled: they are PyTorch's old pickles (*.bin), not safetensors.
    """

    paths: tuple[Path, ...]
    pickled: bool


def weight_files(folder: Path) -> WeightFiles:
    """The weight files in `folder`: safetensors, or old pickles where there are no safetensors.

    Raises:
        MftError: there are none, or the index names a file that is missing or lies elsewhere.
    """
    for name, pickled in ((SAFETENSORS, False), (PICKLED, True)):
        if (folder / name).is_file():
            return WeightFiles((folder / name,), pickled)
        if (folder / f"{name}{INDEX}").is_file():
            return WeightFiles(tuple(_indexed(folder / f"{name}{INDEX}")), pickled)
    raise MftError(
        f"{folder} holds no weights ({SAFETENSORS}, {PICKLED}, or either sharded, with {INDEX}).",
        "The checkpoint is incomplete: fetch it again.",
    )


def _indexed(index: Path) -> Iterator[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MftError(f"{index} is no index of weight files: {error!r}") from error
    for name in names:
        path = index.parent / str(name)
        if path.parent != index.parent or not path.is_file():
            raise MftError(f"{index} names the file {name!r}, which is not there.", "Fetch the checkpoint again.")
        yield path


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of one weight file, mapped into memory where its format allows; of a pickle, nothing but tensors.

    Raises:
        MftError: a pickle that is damaged, or would build anything else.
    """
    from torch import Tensor
    from transformers.modeling_utils import load_state_dict

    if path.suffix == Path(SAFETENSORS).suffix:
        return load_state_dict(path)
    try:
        weights = load_state_dict(path, weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way there is
        raise MftError(
            f"{path} is a pickle that is damaged or holds more than weights, so it is not read: {_first_line(error)}",
            "It may carry code. Use a revision with *.safetensors.",
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise MftError(f"{path} holds other things than weights.", "It is no checkpoint of a model.")
    return weights


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def stored_tensor(folder: Path, key: str) -> torch.Tensor:
    """One tensor exactly as a checkpoint holds it; only its own file is read, of safetensors only its own bytes.

    Raises:
        MftError: the checkpoint does not hold it.
    """
    from safetensors import safe_open

    files = weight_files(folder)
    for path in files.paths:
        if files.pickled:
            weights = read_weights(path)
            if key in weights:
                return weights[key]
            continue
        with safe_open(path, "pt") as stored:
            if key in stored.keys():  # noqa: SIM118 - not a dict
                return stored.get_tensor(key)
    raise MftError(f"The weights in {folder} do not hold {key}.", "The checkpoint is incomplete: fetch it again.")


def load_strictly(folder: Path, loader: Any = None, **options: Any) -> PreTrainedModel:
    """`from_pretrained` without remote code, where a missing, unexpected or misshapen weight is an error.

    Shards are streamed: no second copy of the model is in memory. Old pickles (*.bin) are read by PyTorch's
    weights-only unpickler, which builds tensors and nothing else, and a warning is logged.

    Args:
        folder: config.json and weights.
        loader: the class whose `from_pretrained` is used; None: transformers' choice for the configuration.
        options: for `from_pretrained`.

    Raises:
        MftError: the weights are not those that the configuration needs, a file is damaged, or a pickle holds anything
            but weights.
    """
    from transformers import AutoModelForCausalLM

    files = weight_files(folder)
    if files.pickled:
        logger.warning("%s holds pickled weights; they are read weights-only, and no code in them is run.", folder)
        for path in files.paths:
            read_weights(path)
    else:
        for path in files.paths:
            read_header(path)
    try:
        with _own_report():
            model, found = (loader or AutoModelForCausalLM).from_pretrained(
                folder,
                trust_remote_code=False,
                use_safetensors=not files.pickled,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # then `found` names them
                **options,
            )
    except RuntimeError as error:
        if FAILED_CONVERSION not in str(error):
            raise
        raise MftError(
            f"The weights in {folder} do not fit its config.json: a matrix that holds several has other rows.",
            WRONG_WEIGHTS,
        ) from error
    problems = [_problem(found[key], word) for key, word in PROBLEMS if found[key]]
    if problems:
        quantized = any(key.endswith(QUANTIZED_KEYS) for key in found["unexpected_keys"])
        raise MftError(
            f"The weights in {folder} do not fit its config.json: {'; '.join(problems)}.",
            f"They were quantised before they were published. {WHOLE_WEIGHTS}" if quantized else WRONG_WEIGHTS,
        )
    _say_truly_whether_tied(model)
    return model


@contextmanager
def _own_report() -> Iterator[None]:
    """Without transformers' table of keys: what is wrong with them is an error here, which names them."""
    log = logging.getLogger("transformers.modeling_utils")

    def keep(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    log.addFilter(keep)
    try:
        yield
    finally:
        log.removeFilter(keep)


def _problem(keys: Any, word: str) -> str:
    shown = sorted(key if isinstance(key, str) else f"{key[0]}: {tuple(key[1])}, not {tuple(key[2])}" for key in keys)
    return f"{len(shown)} {word} ({', '.join(shown[:3])}{', ...' * (len(shown) > 3)})"


def _say_truly_whether_tied(model: PreTrainedModel) -> None:
    """transformers ties no head that was stored with other values than the embeddings, whatever its config says."""
    head = model.get_output_embeddings()
    if getattr(model.config, "tie_word_embeddings", False) and head is not None:
        model.config.tie_word_embeddings = head.weight is model.get_input_embeddings().weight
