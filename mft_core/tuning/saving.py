"""Finished models written: `final/` of a run, which loads in plain transformers and PEFT if its tuner saves for them.

`mft.json` beside it says which base it belongs to, and what tuned it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from mft_core.errors import MftError
from mft_core.models.end_tokens import write_end_tokens
from mft_core.models.quantization import quantization_of
from mft_core.recipe.schema import TuneSection
from mft_core.support.durable import whole_folder
from mft_core.tuning.fingerprint import RECORD_FILE, base_fingerprint
from mft_core.tuning.model_card import CardFacts, write_card
from mft_core.tuning.tuner import Tuner

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A new folder to fill, which takes `target`'s name and place only when the block ends without an exception.

    Raises:
        MftError: it cannot be written.
    """
    try:
        with whole_folder(target) as folder:
            yield folder
    except (OSError, SafetensorError) as error:
        raise MftError(f"{target} could not be written: {error}", "Free some space or choose another place.") from error


def save_final(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    tuner: Tuner,
    tune: TuneSection,
    tensors: Mapping[str, torch.Tensor] | None = None,
    ends: Sequence[int] = (),
    card: CardFacts | None = None,
    fingerprint: str = "",
) -> None:
    """Write the result of a run: what its tuner saves, and which base that belongs to; with the tokenizer.

    Args:
        model: from `prepare_for_tuning`, not wrapped any further.
        tokenizer: with its chat template.
        folder: made anew, whole or not at all.
        tuner: that prepared the model, or its equal.
        tune: how a recipe names it.
        tensors: as `Tuner.save` takes them.
        ends: ids of the tokens that end an answer, for generation_config.json; none: that of the base holds.
        card: what README.md says of the run; None: no more than the base's name.
        fingerprint: of the base, where it is known: otherwise every byte of that is read for it.

    Raises:
        MftError: it cannot be written.
    """
    base_model = _base_model(model)
    base, quantization = Path(base_model.name_or_path), quantization_of(base_model)
    with written_whole(folder) as temporary:
        tuner.save(model, temporary, tensors)
        record: dict[str, Any] = {
            "dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
            "base": str(base),
            "fingerprint": fingerprint or base_fingerprint(base),
            **({"quantization": asdict(quantization)} if quantization else {}),
            "form": tuner.form,
            "tune": tune.model_dump(mode="json"),
            "files": sorted(path.name for path in temporary.iterdir()),
        }
        tokenizer.save_pretrained(temporary)
        write_end_tokens(temporary, ends)
        named = [(str(tokenizer.convert_ids_to_tokens(token)), token) for token in ends]
        facts = card or CardFacts(base=base.name, method=tune.method)
        write_card(temporary, facts, tuner.form, named)
        (temporary / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _base_model(model: Any) -> PreTrainedModel:
    """The model itself, or the one inside PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
