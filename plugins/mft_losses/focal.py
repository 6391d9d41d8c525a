"""The paper's focal losses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mft_core.interfaces import LossOptions
from mft_losses.balanced import Balanced
from mft_losses.mixed import Mixed


class FocalSampleOptions(LossOptions):
    """Options of `focal-sample`."""

    by: Literal["tokens", "samples"] = Field("samples", description="focal losses count by samples")
    within: Literal["mean", "focal-sample", "focal-task"] = Field("focal-sample", description="this loss")


class FocalSample(Mixed[FocalSampleOptions]):
    """sum_ij -alpha_i (1 - P_ij)^gamma Q_ij / sum_i M_i (MFTCoder, equation 2).

    gamma = 0 gives the mixed mean over samples.
    """


class FocalTaskOptions(LossOptions):
    """Options of `focal-task`."""

    by: Literal["tokens", "samples"] = Field("samples", description="focal losses count by samples")
    within: Literal["mean", "focal-sample", "focal-task"] = Field("focal-task", description="this loss")


class FocalTask(Balanced[FocalTaskOptions]):
    """(1/N) sum_i -alpha_i (1 - P_i)^gamma Q_i (MFTCoder, equation 3).

    gamma = 0 gives `balanced` by samples.
    """
