"""ModelAdapter: one model family."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.conversion import CheckpointFormat, check_supported, load_converted, to_native_config
from mft_core.modeling import read_config
from mft_core.options import Configurable
from mft_core.records import Batch
from mft_core.weights import load_strictly

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
    from transformers.utils.quantization_config import QuantizationConfigMixin

    from mft_core.router_loss import RouterLoss
    from mft_core.tokenizers import TokenizerFamily


class ModelAdapter(Configurable):
    """One model family: how to recognise, load, tune and imitate it."""

    lora_targets: ClassVar[tuple[str, ...]]
    """Module names of the family's attention and MLP projections (suffixes, as PEFT matches them)."""

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

        Raises:
            MftError: what it is that cannot be represented.
        """
        original = self.format_of(config)
        if original is not None:
            check_supported(original, config)

    @abstractmethod
    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A configuration for a random model of this family that trains in seconds on one core.

        Sizes are multiples of 64 where quantisation will want them to be; a context of 4096 tokens or more, no dropout.
        """

    def load_config(self, folder: Path) -> PreTrainedConfig:
        """The native configuration of the checkpoint in `folder`.

        Raises:
            MftError: a variant of an original format that no native model represents.
        """
        from transformers import AutoConfig

        config = read_config(folder)
        original = self.format_of(config)
        if original is None:
            return AutoConfig.from_pretrained(folder, trust_remote_code=False)
        return to_native_config(original, config)

    def load_model(
        self,
        folder: Path,
        dtype: torch.dtype,
        attention: str,
        quantization: QuantizationConfigMixin | None = None,
        device: torch.device | None = None,
    ) -> PreTrainedModel:
        """The checkpoint in `folder` as a native transformers model; original formats are converted on the fly.

        Args:
            folder: config.json and weights.
            dtype: of the weights in memory, as far as they are not quantised.
            attention: name registered with transformers' attention interface.
            quantization: quantise while loading; None: don't.
            device: where the weights go straight from the files; None: memory of the processor.

        Raises:
            MftError: a variant that no native model represents, or weights that do not fit the configuration.
        """
        import torch

        options: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention}
        if dtype == torch.float64:
            options["experts_implementation"] = "eager"  # the faster ones have no float64
        if quantization is not None:
            options["quantization_config"] = quantization
        if device is not None:
            options["device_map"] = {"": device}
        config = read_config(folder)
        original = self.format_of(config)
        if original is None:
            return load_strictly(folder, config=self.load_config(folder), **options)
        return load_converted(original, folder, config, **options)

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
        from mft_core.lm_loss import packed_batch_inputs

        return packed_batch_inputs(batch)

    def load_tokenizer(self, folder: Path) -> PreTrainedTokenizerBase:
        """The checkpoint's tokenizer, fast, without remote code."""
        from mft_core.tokenizers import load_tokenizer_files

        return load_tokenizer_files(folder, self.tokenizer_family)

    def tokenizer_family(self, folder: Path) -> TokenizerFamily | None:
        """What the family's own code adds to the SentencePiece model or tiktoken ranks in `folder`; None: what Llama's
        does. Asked only where there is no tokenizer.json.
        """
        return None

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """Whether the vocabulary file in `folder`, which has no config.json, is surely of this family."""
        return False
