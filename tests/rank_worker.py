"""Trains with several losses one after the other, on as many ranks as it was started with: FOLDER/<case>/weights."""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save_file
from small_trainer import make_trainer, tensors

from mft_core.testing.samples import random_table
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.focal import FocalTask

CASES = {
    "coba": (Coba, {"warmup": 1, "window": 3}),
    "famo": (Famo, {"within": "focal-sample", "rotate_every": 2}),
    "famo-train": (FamoTrain, {"normalize": "step"}),
    "focal-task": (FocalTask, {"alpha": {"task1": 3.0}}),
    "focal-task running": (FocalTask, {"statistics": "running"}),
    "dwa": (DynamicWeightAverage, {"window": 1, "by": "samples"}),
}


def train_every_case(folder: Path) -> None:
    """Six steps each; three rows a step, so that four ranks never have one each; the last one of an epoch has fewer."""
    for name, (loss_class, options) in CASES.items():
        loss = loss_class(loss_class.Options(**options))
        training = random_table([1, 12, 6])
        trainer = make_trainer(folder / name, loss, training, batch_size=3, micro_batch_size=1, steps=6)
        trainer.run()
        if trainer.accelerator.is_main_process:
            save_file(tensors(trainer), folder / name / "weights.safetensors")
        trainer.accelerator.wait_for_everyone()


if __name__ == "__main__":
    from torch.distributed import destroy_process_group

    train_every_case(Path(sys.argv[1]))
    destroy_process_group()
