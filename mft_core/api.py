"""`from mft_core import load_model, load_tokenizer`: any base that mft trains, as plain transformers objects.

Nothing heavy is imported before a call.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.models.adapter import ModelAdapter
    from mft_core.registry.catalog import Catalog


def load_model(
    path: str | PathLike[str], adapter: str | None = None, dtype: str = "float32", quantize: str | None = None
) -> PreTrainedModel:
    """A base model as a native transformers model in eval mode, whatever format it was published in.

    It computes packed rows (`mft_core.nn.packed_attention.packed_inputs`), padded ones and cached generation. No code
    from the checkpoint is run.

    Args:
        path: a folder, or anything that `--base` takes.
        adapter: name of the model family; None: recognised from config.json.
        dtype: of the weights: "float32", "bfloat16", "float16" or "float64".
        quantize: "nf4" or "fp4": the linear layers' weights in four bits; None: dense.

    Raises:
        UsageError: there is no such base, family, dtype or quantisation, or the family does not fit.
        MftError: the checkpoint is of no known family, an unsupported variant, damaged or incomplete.
    """
    from mft_core.models.loading import load_base
    from mft_core.models.precision import dtype_named
    from mft_core.models.quantization import quantization_named
    from mft_core.models.recognition import fetch_base

    quantization = quantization_named(quantize) if quantize else None
    weights_dtype = dtype_named(dtype)
    catalog, wanted = _catalog(adapter)
    folder = fetch_base(str(path), catalog, wanted)
    return load_base(_recognize(catalog, wanted, folder), folder, weights_dtype, quantization=quantization)


def load_tokenizer(path: str | PathLike[str], adapter: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model, fast, with a pad token and its family's chat template.

    Args:
        path: as for `load_model`; the folder may also hold a tokenizer only.
        adapter: as for `load_model`.

    Raises:
        UsageError: there is no such base or family, or the family does not fit.
        MftError: the tokenizer cannot be loaded without remote code.
    """
    from mft_core.models.loading import load_tokenizer as load
    from mft_core.models.recognition import FOLDER_BASE, fetch_base, find_base

    catalog, wanted = _catalog(adapter)
    name, reference = find_base(str(path), catalog)
    alone = Path(reference).expanduser()
    if name == FOLDER_BASE and alone.is_dir() and not (alone / "config.json").is_file():
        return load(_recognize_tokenizer(catalog, wanted, alone), alone)
    folder = fetch_base(str(path), catalog, wanted)
    return load(_recognize(catalog, wanted, folder), folder)


def _catalog(adapter: str | None) -> tuple[Catalog, str]:
    """All components, and the full name of the family that was chosen; "": none."""
    from mft_core.models.recognition import family_named
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace

    catalog = discover(Workspace.find()).catalog
    return catalog, family_named(adapter or "", catalog)


def _recognize(catalog: Catalog, wanted: str, folder: Path) -> ModelAdapter:
    """The family of a checkpoint."""
    from mft_core.models.checkpoints.config import read_config
    from mft_core.models.recognition import model_adapters, recognize_adapter

    return catalog.build("model", recognize_adapter(model_adapters(catalog), read_config(folder), wanted))


def _recognize_tokenizer(catalog: Catalog, wanted: str, folder: Path) -> ModelAdapter | None:
    """The family of a folder that holds a tokenizer only; None: its files do not tell."""
    from mft_core.models.recognition import model_adapters

    if wanted:
        return catalog.build("model", wanted)
    fitting = [each for _, each in model_adapters(catalog) if each.recognizes_tokenizer(folder)]
    return fitting[0] if len(fitting) == 1 else None
