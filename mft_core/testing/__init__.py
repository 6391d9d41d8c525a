"""The conformance kit: what every component of a kind must do, as pytest classes that a plugin inherits.

    from mft_core.testing import LossTests

    class TestSquareRoot(LossTests):
        component = SquareRoot

Needs pytest, which nothing else in mft_core does.
"""

from __future__ import annotations

import pytest

KIT_MODULES = (
    "components",
    "evaluators",
    "importers",
    "losses",
    "makers",
    "model_adapters",
    "optimizers",
    "packers",
    "readers",
    "sources",
    "tokenizations",
    "tuners",
)
# Before their import: pytest then shows the values in a failed assertion of theirs as in those of a test file.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in KIT_MODULES))

from mft_core.testing.evaluators import EvaluatorTests, GenerativeEvaluatorTests  # noqa: E402
from mft_core.testing.importers import ImporterTests  # noqa: E402
from mft_core.testing.losses import LossTests  # noqa: E402
from mft_core.testing.makers import MakerTests  # noqa: E402
from mft_core.testing.model_adapters import ModelAdapterTests  # noqa: E402
from mft_core.testing.optimizers import OptimizerTests  # noqa: E402
from mft_core.testing.packers import PackerTests  # noqa: E402
from mft_core.testing.readers import ReaderTests  # noqa: E402
from mft_core.testing.scripted_author import ScriptedAuthor  # noqa: E402
from mft_core.testing.sources import SourceTests  # noqa: E402
from mft_core.testing.tokenizations import TokenizationTests  # noqa: E402
from mft_core.testing.tuners import TunerTests  # noqa: E402

__all__ = [
    "EvaluatorTests",
    "GenerativeEvaluatorTests",
    "ImporterTests",
    "LossTests",
    "MakerTests",
    "ModelAdapterTests",
    "OptimizerTests",
    "PackerTests",
    "ReaderTests",
    "ScriptedAuthor",
    "SourceTests",
    "TokenizationTests",
    "TunerTests",
]
