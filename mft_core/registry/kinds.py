"""Every kind of component: the hook that offers it, and what it derives from."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of component: the hook that offers it, and the class it derives from, as "module:Class"."""

    hook: str
    interface: str


KINDS = {
    "model": Kind("mft_models", "mft_core.models.adapter:ModelAdapter"),
    "base": Kind("mft_bases", "mft_core.models.base:Base"),
    "source": Kind("mft_sources", "mft_core.data.source:Source"),
    "reader": Kind("mft_readers", "mft_core.data.reader:Reader"),
    "tokenization": Kind("mft_tokenizations", "mft_core.data.tokenization:Tokenization"),
    "packer": Kind("mft_packers", "mft_core.batching.packing:Packer"),
    "tuner": Kind("mft_tuners", "mft_core.tuning.tuner:Tuner"),
    "loss": Kind("mft_losses", "mft_core.objective.loss:Loss"),
    "evaluator": Kind("mft_evaluators", "mft_core.evaluation.evaluator:Evaluator"),
    "importer": Kind("mft_importers", "mft_core.importing.importer:Importer"),
    "maker": Kind("mft_makers", "mft_core.making.maker:Maker"),
    "optimizer": Kind("mft_optimizers", "mft_core.training.optimizer:Optimizer"),
    "callback": Kind("mft_callbacks", "mft_core.training.callbacks:Callback"),
}
