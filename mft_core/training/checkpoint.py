"""Checkpoints: everything needed to resume, written so that a crash at any moment leaves the last good one.

A checkpoint is a folder `step-000050/` with tensors as safetensors, the rest as JSON, and a SHA-256 of each file.
What has the right name is whole, see `mft_core.support.durable`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mft_core.errors import MftError
from mft_core.support.checksums import check_files
from mft_core.support.durable import file_digest, remove_folder, whole_folder

logger = logging.getLogger(__name__)

STATE_FILE = "state.json"
CHECKSUM_FILE = "checksums.json"
TENSOR_FILES = ("model.safetensors", "optimizer.safetensors")
STEP_FOLDER = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint read back.

    Attributes:
        step: optimizer steps done when it was written.
        state: the JSON part.
        tensors: by file stem ("model", "optimizer"), then by name.
    """

    step: int
    state: dict[str, Any]
    tensors: dict[str, dict[str, torch.Tensor]]


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: `RUN/checkpoints`.
        keep: how many of the newest stay; the best one stays beyond that.
        keeps_task_bests: so does the best one of every task.
    """

    def __init__(self, path: Path, keep: int, keeps_task_bests: bool = False) -> None:
        self.path = path
        self.keep = keep
        self.keeps_task_bests = keeps_task_bests

    def steps(self) -> list[int]:
        """Steps of all complete checkpoints, ascending."""
        if not self.path.is_dir():
            return []
        matches = (STEP_FOLDER.fullmatch(entry.name) for entry in self.path.iterdir())
        return sorted(int(match.group(1)) for match in matches if match)

    def folder(self, step: int) -> Path:
        """Where the checkpoint of `step` lies."""
        return self.path / f"step-{step:06d}"

    def save(
        self,
        step: int,
        tensors: Mapping[str, Mapping[str, torch.Tensor]],
        state: Mapping[str, Any],
        kept: Collection[int] = (),
    ) -> Path:
        """Write one checkpoint whole or not at all, then delete old ones beyond `keep`, except the steps `kept`.

        Raises:
            MftError: it could not be written (disk full, read-only); earlier checkpoints are untouched.
        """
        target = self.folder(step)
        try:
            with whole_folder(target) as folder:
                self._write(folder, tensors, state)
        except (OSError, SafetensorError) as error:
            raise MftError(
                f"the checkpoint of step {step} could not be written to {self.path}: {error}",
                f"{self.last_good}. Free some space, then continue with --resume",
            ) from error
        self._rotate(step, kept)
        return target

    @staticmethod
    def _write(folder: Path, tensors: Mapping[str, Mapping[str, torch.Tensor]], state: Mapping[str, Any]) -> None:
        for stem, named in tensors.items():
            save_file({name: tensor.contiguous() for name, tensor in named.items()}, folder / f"{stem}.safetensors")
        (folder / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")
        checksums = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
        (folder / CHECKSUM_FILE).write_text(json.dumps(checksums, indent=1), encoding="utf-8")

    def _rotate(self, newest: int, kept: Collection[int]) -> None:
        """Delete what is older than the `keep` newest up to `newest`.

        Those beyond were damaged when the run went on from an earlier one: they take no good one's place.
        """
        steps = [step for step in self.steps() if step <= newest]
        for step in steps[: -self.keep]:
            if step not in kept:
                remove_folder(self.folder(step))

    def remove_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, the newest first: what a killed process leaves is an earlier state."""
        for later in reversed(self.steps()):
            if later > step:
                remove_folder(self.folder(later))

    @property
    def last_good(self) -> str:
        """The newest checkpoint, for messages."""
        steps = self.steps()
        return f"last good checkpoint: step {steps[-1]}" if steps else "there is no checkpoint yet"

    def load_latest(self) -> Checkpoint | None:
        """The newest checkpoint whose checksums hold; damaged ones are named in the log and passed over.

        Returns:
            None where there is no checkpoint at all.

        Raises:
            MftError: there are checkpoints, but none is whole.
        """
        steps = self.steps()
        problems = []
        for step in reversed(steps):
            try:
                return self.load(step)
            except MftError as error:
                logger.warning("%s; falling back to the one before", error.message)
                problems.append(error.message)
        if problems:
            raise MftError("no checkpoint can be read:\n" + "\n".join(problems), "start again in another --output")
        return None

    def load(self, step: int) -> Checkpoint:
        """One checkpoint, verified.

        Raises:
            MftError: a file is missing, cut short, altered, or without a checksum.
        """
        folder = self.folder(step)
        try:
            checksums = json.loads((folder / CHECKSUM_FILE).read_text(encoding="utf-8"))
            there = (path.name for path in folder.glob("*.safetensors"))
            check_files(folder, checksums, {STATE_FILE, *TENSOR_FILES, *there}, file_digest)
            state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
            if not isinstance(state, dict):
                raise ValueError(f"{STATE_FILE} holds no JSON object")
            tensors = {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
        except (OSError, ValueError, RecursionError, SafetensorError) as error:
            raise MftError(f"the checkpoint {folder} cannot be read: {error}") from error
        return Checkpoint(step, state, tensors)
