"""Checkpoint formats that transformers has no class for, converted exactly into native models while they load.

An adapter declares its families' formats: `formats = (MyFormat(),)`. Everything else is done here: recognition, refusal
of what cannot be represented, conversion shard by shard, in any dtype or straight into 4-bit. The way back, into the
original files and keys, is `mft_core.tuning.original_layout.write_original`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.errors import MftError
from mft_core.models.checkpoints.refusals import differing
from mft_core.models.checkpoints.weight_files import load_strictly

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.core_model_loading import WeightTransform

logger = logging.getLogger(__name__)


class CheckpointFormat(ABC):
    """One original checkpoint format, and the native model it becomes. Instances hold no state."""

    name: ClassVar[str]
    """What users call it, such as "Qwen v1"."""

    required: ClassVar[Mapping[str, Any]] = {}
    """Configuration keys with the only value that the native class represents (in the original code's spelling).

    An absent key counts as that value; any other value is refused, by name.
    """

    ignored: ClassVar[tuple[str, ...]] = ()
    """Regular expressions of stored keys that carry nothing the model learnt, such as rotary tables."""

    @abstractmethod
    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Whether a checkpoint's config.json (as parsed) is of this format, supported or not."""

    def refusals(self, config: Mapping[str, Any]) -> list[str]:
        """What this checkpoint has that the native model cannot represent, in a few words each; empty: it loads."""
        return differing(config, self.required)

    def notes(self, config: Mapping[str, Any]) -> list[str]:
        """What users should know about this checkpoint once loaded, in whole sentences; logged as warnings."""
        return []

    @abstractmethod
    def native_config(self, config: Mapping[str, Any]) -> PreTrainedConfig:
        """The native configuration that computes the same.

        Set the token ids, and whatever else the native class would fill in with another family's values.
        """

    @abstractmethod
    def native_class(self) -> type[PreTrainedModel]:
        """The class of the loaded model, as `save_pretrained` and Auto classes know it."""

    @abstractmethod
    def weights(self, config: Mapping[str, Any]) -> list[WeightTransform]:
        """New transforms from stored keys to native ones, applied in this order: renamings, then one converter.

        All are from `transformers.core_model_loading` or of its kind, and have a reverse, which exports use. Anchor
        patterns (`^`, `\\.`) so that no other key matches, in either direction.
        """

    def finish(self, model: PreTrainedModel) -> None:  # noqa: B027 - most formats need nothing
        """Change the loaded model in place, before anybody uses it."""

    def prepare_full_tuning(self, model: PreTrainedModel, folder: Path) -> None:  # noqa: B027 - as above
        """Change the loaded model in place so that full fine-tuning trains the original's own parameters.

        Override it where `finish` folded a computation into a weight; see `mft_core.models.checkpoints.folded_weights`.

        Args:
            folder: the checkpoint it was loaded from.
        """

    def restored(self, key: str, converted: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        """The tensor that belongs under `key` in an original checkpoint.

        Override it where loading loses something (such as a head's norms), so that what training left untouched is
        written back bit by bit.

        Args:
            key: the original one.
            converted: the model's, converted back.
            stored: the base checkpoint's own.
        """
        return converted


def fused(source: str, *targets: str) -> WeightTransform:
    """One stored tensor (weight or bias) that holds several native ones, row blocks one after another.

    Args:
        source: part of the stored key, such as "attn.c_attn".
        targets: of the native keys in the order of the rows, such as "self_attn.q_proj"; sized as the model has them.
    """
    from transformers.core_model_loading import Split, WeightConverter

    return WeightConverter(source, list(targets), [Split(0)])


def renamed(names: Mapping[str, str]) -> list[WeightTransform]:
    """Renamings of parts of keys: regular expression of the stored part to the native part."""
    from transformers.core_model_loading import WeightRenaming

    return [WeightRenaming(stored, native) for stored, native in names.items()]


def to_native_config(original: CheckpointFormat, config: Mapping[str, Any]) -> PreTrainedConfig:
    """The native configuration for a checkpoint with this config.json.

    Raises:
        MftError: a key without which nothing can be computed is missing.
    """
    try:
        return original.native_config(config)
    except KeyError as error:
        raise MftError(f"The config.json of this {original.name} checkpoint lacks {error}.") from error


def load_converted(
    original: CheckpointFormat,
    folder: Path,
    config: Mapping[str, Any],
    native_config: PreTrainedConfig,
    **options: Any,
) -> PreTrainedModel:
    """The checkpoint in `folder` as a native model, converted on the fly.

    Args:
        config: of the checkpoint, as parsed from config.json.
        native_config: made of it.
        options: for `from_pretrained`: dtype, attn_implementation, quantization_config, device_map.

    Raises:
        MftError: weights that do not fit the configuration.
    """
    from transformers.conversion_mapping import register_checkpoint_conversion_mapping

    native_class = original.native_class()
    # transformers finds conversions by a class's name or a model_type. A model_type would be wrong: PEFT renames the
    # keys of adapters on a model_type with conversions, and a native checkpoint of that type would be converted too.
    name = f"{type(original).__name__}To{native_class.__name__}"
    register_checkpoint_conversion_mapping(name, original.weights(config), overwrite=True)
    ignored = [*(native_class._keys_to_ignore_on_load_unexpected or ()), *original.ignored]
    loader = type(name, (native_class,), {"_keys_to_ignore_on_load_unexpected": ignored})
    model = load_strictly(folder, loader, config=native_config, **options)
    # Else save_pretrained would write original keys beside a native configuration, which reloads as garbage.
    model.__class__ = native_class
    model._weight_conversions = None
    model.config.architectures = [native_class.__name__]
    original.finish(model)
    for note in original.notes(config):
        logger.warning("%s: %s", original.name, note)
    return model
