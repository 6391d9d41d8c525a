"""ModelAdapter: one model family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import UNBUILDABLE, read_config
from mft_core.models.checkpoints.formats import CheckpointFormat, load_converted, to_native_config
from mft_core.models.checkpoints.refusals import refuse, refuse_unloadable
from mft_core.models.checkpoints.weight_files import load_strictly
from mft_core.models.tiny_config import tiny_native_config
from mft_core.records import Batch
from mft_core.registry.options import Configurable, SomeOptions

TINY_SIZES = {
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 4096,
}
"""Keyword arguments of most configuration classes for `ModelAdapter.tiny_config`."""

NO_TOKEN_IDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
"""The same, for families whose default ids lie beyond a small vocabulary."""

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
    from transformers.utils.quantization_config import QuantizationConfigMixin

    from mft_core.models.tokenizers.family import TokenizerFamily
    from mft_core.nn.packing_self_test import RowTest
    from mft_core.nn.router_loss import RouterLoss


class ModelAdapter(Configurable[SomeOptions]):
    """One model family: how to recognise, load, tune and imitate it."""

    lora_targets: ClassVar[tuple[str, ...]] = ()
    """Module names of the family's attention and MLP projections (suffixes, as PEFT matches them); none: whatever is
    linear but the head."""

    general: ClassVar[bool] = False
    """It may recognise what is another family's, and is asked only where no other one recognises a checkpoint."""

    chat_template: ClassVar[str | None] = None
    """Jinja chat template for checkpoints of this family whose tokenizer has none; None: MFTCoder's roles."""

    native_types: ClassVar[tuple[str, ...]] = ()
    """Every `model_type` of the family that transformers has a class for."""

    formats: ClassVar[tuple[CheckpointFormat, ...]] = ()
    """The family's original checkpoint formats, converted into native models while they load."""

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Whether a checkpoint's config.json (as parsed) is of this family, whatever its folder is called."""
        return self.format_of(config) is not None or config.get("model_type") in self.native_types

    def format_of(self, config: Mapping[str, Any]) -> CheckpointFormat | None:
        """The original format of a checkpoint with this config.json; None: it is native."""
        return next((each for each in self.formats if each.recognizes(config)), None)

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse a variant of the family that would load wrong; called before anything is done with a checkpoint.

        Here: what an original format has that its native class has not, and what no family of transformers can load,
        such as weights that are quantised already. A family that has more to refuse overrides this and calls it.

        Raises:
            MftError: what it is that cannot be represented.
        """
        original = self.format_of(config)
        if original is not None:
            refuse(f"{original.name} checkpoint", original.refusals(config))
        refuse_unloadable(config)

    def test_rows(self, model: PreTrainedModel, vocabulary_size: int, tolerance: float) -> RowTest:
        """What rows the loaded model computes exactly; asked before it is trained or measured.

        Args:
            model: from `load_model`.
            vocabulary_size: token ids are drawn below it.
            tolerance: largest relative difference that is rounding in the model's dtype.

        Raises:
            MftError: none, or it is no model that can be trained here.
        """
        from mft_core.nn.packing_self_test import packing_or_padding

        return packing_or_padding(model, vocabulary_size, tolerance)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A configuration for a random model of this family that trains in seconds on one core.

        Sizes are multiples of 64 where quantisation will want them to be; a context of 4096 tokens or more, no dropout:
        `TINY_SIZES` has those that most families share. Here: of the first native type, as far as its sizes have the
        usual names.

        Raises:
            MftError: they have not.
        """
        return tiny_native_config(self.native_types[0], vocabulary_size)

    def load_config(self, folder: Path) -> PreTrainedConfig:
        """`native_config` of the checkpoint in `folder`; raises as it does."""
        return self.native_config(read_config(folder), folder)

    def native_config(self, config: Mapping[str, Any], folder: Path) -> PreTrainedConfig:
        """The native configuration of a checkpoint that `check_supported` has let pass.

        Args:
            config: its config.json, from `read_config`.
            folder: where it lies.

        Raises:
            MftError: its config.json lacks a key, or holds a value of the wrong kind.
        """
        from huggingface_hub.errors import StrictDataclassError
        from transformers import AutoConfig

        original = self.format_of(config)
        try:
            if original is not None:
                return to_native_config(original, config)
            return AutoConfig.from_pretrained(folder, trust_remote_code=False)
        except (OSError, StrictDataclassError, *UNBUILDABLE) as error:
            raise MftError(f"{folder / 'config.json'} makes no model: {' '.join(str(error).split())}") from error

    def load_model(
        self,
        folder: Path,
        config: Mapping[str, Any],
        native_config: PreTrainedConfig,
        dtype: torch.dtype,
        attention: str,
        quantization: QuantizationConfigMixin | None = None,
        device: torch.device | None = None,
    ) -> PreTrainedModel:
        """The checkpoint in `folder` as a native transformers model; original formats are converted on the fly.

        Args:
            folder: of the weights.
            config: its config.json, from `read_config`.
            native_config: what `native_config` makes of it.
            dtype: of the weights in memory, as far as they are not quantised.
            attention: name registered with transformers' attention interface.
            quantization: quantise while loading; None: don't.
            device: where the weights go straight from the files; None: memory of the processor.

        Raises:
            MftError: weights that do not fit the configuration.
        """
        import torch

        options: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention}
        if dtype == torch.float64:
            options["experts_implementation"] = "eager"  # the faster ones have no float64
        if quantization is not None:
            options["quantization_config"] = quantization
        if device is not None:
            options["device_map"] = {"": device}
        original = self.format_of(config)
        if original is None:
            return load_strictly(folder, config=native_config, **options)
        return load_converted(original, folder, config, native_config, **options)

    def prepare_full_tuning(self, model: PreTrainedModel, folder: Path) -> None:
        """Change the model loaded from `folder` in place so that full fine-tuning trains the original's parameters."""
        original = self.format_of(read_config(folder))
        if original is not None:
            original.prepare_full_tuning(model, folder)

    def router_loss(self, config: PreTrainedConfig) -> RouterLoss | None:
        """The load-balancing loss of a mixture of experts with this native configuration; None: it has none."""
        return None

    def model_inputs(self, batch: Batch) -> dict[str, Any]:
        """A batch as keyword arguments of the model's forward; families with inputs of their own override this."""
        from mft_core.nn.packed_attention import packed_batch_inputs

        return packed_batch_inputs(batch)

    def load_tokenizer(self, folder: Path) -> PreTrainedTokenizerBase:
        """The checkpoint's tokenizer, fast, without remote code."""
        from mft_core.models.tokenizers.loading import load_tokenizer_files

        return load_tokenizer_files(folder, self.tokenizer_family)

    def tokenizer_family(self, folder: Path) -> TokenizerFamily | None:
        """What the family's own code adds to the SentencePiece model or tiktoken ranks in `folder`; None: what Llama's
        does. Asked only where there is no tokenizer.json.
        """
        return None

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """Whether the vocabulary file in `folder`, which has no config.json, is surely of this family."""
        return False
