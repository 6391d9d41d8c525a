"""Checkpoints: everything needed to resume, written so that a crash at any moment leaves the last good one.

A checkpoint is a folder `step-000050/`, see `mft_core.training.checkpoint_files`. What has the right name is whole, see
`mft_core.support.durable`. A run may have some with whole tensors and some with parts: each tells which it is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support.durable import remove_folder
from mft_core.support.ranks import is_main_rank
from mft_core.training.checkpoint_files import (
    READING_FAILS,
    WRITING_FAILS,
    Tensors,
    read,
    write_in_parts,
    write_whole,
)

logger = logging.getLogger(__name__)

STEP_FOLDER = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint read back.

    Attributes:
        step: optimizer steps done when it was written.
        state: the JSON part.
        tensors: whole ones on the processor, by stem ("model", "optimizer"), then by name. Where they were written in
            parts, each is read when it is asked for; `mft_core.training.sharded_files.placed` gives a rank its own.
    """

    step: int
    state: dict[str, Any]
    tensors: Tensors


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: `RUN/checkpoints`.
        keep: how many of the newest stay; the best one stays beyond that.
        keeps_task_bests: so does the best one of every task.
        in_parts: each rank writes its part of the tensors that are spread over them. What is read may be in parts or
            whole all the same.
    """

    def __init__(self, path: Path, keep: int, keeps_task_bests: bool = False, in_parts: bool = False) -> None:
        self.path = path
        self.keep = keep
        self.keeps_task_bests = keeps_task_bests
        self.in_parts = in_parts

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
        tensors: Tensors,
        state: Mapping[str, Any],
        kept: Collection[int] = (),
    ) -> Path:
        """Write one checkpoint whole or not at all, then delete old ones beyond `keep`, except the steps `kept`.

        To be called on the first rank; on every rank, each with what it has of the tensors, if they are to be
        `in_parts`.

        Raises:
            MftError: it could not be written (disk full, read-only); earlier checkpoints are untouched.
        """
        target = self.folder(step)
        try:
            (write_in_parts if self.in_parts else write_whole)(target, tensors, state)
        except WRITING_FAILS as error:
            raise MftError(
                f"the checkpoint of step {step} could not be written to {self.path}: {error}",
                f"{self.last_good}. Free some space, then continue with --resume",
            ) from error
        if is_main_rank():
            self._rotate(step, kept)
        return target

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

        To be called on every rank, as `load`: they verify what is in parts together.

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
            return Checkpoint(step, *read(folder))
        except READING_FAILS as error:
            raise MftError(f"the checkpoint {folder} cannot be read: {error}") from error
