"""What a plugin may be, on one page for its author; each is defined where its subject lives.

Every component is built as `Class(options)`, where `options` is an instance of the class that it names as its type
argument, `class Mine(Loss[MyOptions])`, validated from the recipe. Heavy libraries are imported inside methods.
"""

from __future__ import annotations

from mft_core.batching.packing import Packer
from mft_core.data.reader import RawRecord, Reader
from mft_core.data.source import DataRequest, Fetched, Source
from mft_core.data.tokenization import Tokenization
from mft_core.evaluation.evaluator import EvaluationRequest, Evaluator
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.generative_measure import GenerativeOptions, SomeGenerativeOptions
from mft_core.evaluation.items import Attempt, Item, Judged, Verdict
from mft_core.evaluation.published_sets import PublishedSet
from mft_core.importing.importer import Conversion, Importer
from mft_core.making.author import Author
from mft_core.making.draft import Code, Draft, Refused, Seed
from mft_core.making.maker import Maker, SeedRequest
from mft_core.models.adapter import ModelAdapter
from mft_core.models.base import Base, BaseRequest
from mft_core.objective.decision import GO_ON, Decision
from mft_core.objective.gradient_balancer import GradientBalancer, GradientOptions, SomeGradientOptions
from mft_core.objective.gramians import Gramians
from mft_core.objective.loss import Loss, ProbeRequest
from mft_core.objective.within_task import LossOptions, SomeLossOptions
from mft_core.registry.options import Configurable, Options, PathText, SomeOptions
from mft_core.training.callbacks import Callback, CallbackContext
from mft_core.training.optimizer import Optimizer, ParameterGroup
from mft_core.tuning.peft_tuner import PeftTuner
from mft_core.tuning.tuner import Tuner, TunerRequest
from mft_core.tuning.whole_model import WholeModelTuner

__all__ = [
    "GO_ON",
    "Attempt",
    "Author",
    "Base",
    "BaseRequest",
    "Callback",
    "CallbackContext",
    "Code",
    "Configurable",
    "Conversion",
    "DataRequest",
    "Decision",
    "Draft",
    "EvaluationRequest",
    "Evaluator",
    "Fetched",
    "GenerativeEvaluator",
    "GenerativeOptions",
    "GradientBalancer",
    "GradientOptions",
    "Gramians",
    "Importer",
    "Item",
    "Judged",
    "Loss",
    "LossOptions",
    "Maker",
    "ModelAdapter",
    "Optimizer",
    "Options",
    "Packer",
    "ParameterGroup",
    "PathText",
    "PeftTuner",
    "ProbeRequest",
    "PublishedSet",
    "RawRecord",
    "Reader",
    "Refused",
    "Seed",
    "SeedRequest",
    "SomeGenerativeOptions",
    "SomeGradientOptions",
    "SomeLossOptions",
    "SomeOptions",
    "Source",
    "Tokenization",
    "Tuner",
    "TunerRequest",
    "Verdict",
    "WholeModelTuner",
]
