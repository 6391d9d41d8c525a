"""Finished models written: `final/` of a run, which loads in plain transformers and PEFT.

`mft.json` beside it says which base an adapter belongs to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from mft_core.errors import MftError
from mft_core.models.end_tokens import write_end_tokens
from mft_core.models.quantization import quantization_of
from mft_core.support.durable import whole_folder
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, ADAPTER_WEIGHTS, RECORD_FILE, base_fingerprint
from mft_core.tuning.lora import initial_adapter
from mft_core.tuning.model_card import CardFacts, write_card

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedTokenizerBase


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
    tensors: Mapping[str, torch.Tensor] | None = None,
    ends: Sequence[int] = (),
    card: CardFacts | None = None,
    fingerprint: str = "",
) -> None:
    """Write the result of a run: LoRA adapters and what they belong to, or the whole model; with the tokenizer.

    Args:
        model: from `prepare_for_tuning`, not wrapped any further.
        tokenizer: with its chat template.
        folder: made anew, whole or not at all.
        tensors: the trained tensors by name, whole, where the model's own are sharded; None: the model's own.
        ends: ids of the tokens that end an answer, for generation_config.json; none: that of the base holds.
        card: what README.md says of the run; None: no more than the base's name.
        fingerprint: of the base, where it is known: otherwise every byte of that is read for it.

    Raises:
        MftError: it cannot be written.
    """
    from peft import PeftModel

    from mft_core.models.checkpoints.folded_weights import folded_tensors

    with written_whole(folder) as temporary:
        record: dict[str, Any] = {"dtype": str(next(model.parameters()).dtype).removeprefix("torch.")}
        if isinstance(model, PeftModel):
            record |= _save_adapter(model, temporary, tensors, fingerprint)
        else:
            model.save_pretrained(temporary, state_dict=folded_tensors(model, tensors))  # type: ignore[operator]
            record |= _base_record(Path(model.name_or_path), fingerprint)  # type: ignore[arg-type]
        tokenizer.save_pretrained(temporary)
        write_end_tokens(temporary, ends)
        named = [(str(tokenizer.convert_ids_to_tokens(token)), token) for token in ends]
        facts = card or CardFacts(base=Path(record["base"]).name)
        write_card(temporary, facts, isinstance(model, PeftModel), named)
        (temporary / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _save_adapter(
    model: Any, folder: Path, tensors: Mapping[str, torch.Tensor] | None, fingerprint: str
) -> dict[str, Any]:
    base = Path(model.get_base_model().name_or_path)
    quantization = quantization_of(model.get_base_model())
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = hub_name(base)
    # Embeddings are never changed; PEFT's "auto" would ask the Hub about them.
    model.save_pretrained(folder, save_embedding_layers=False, state_dict=tensors)
    if initial := initial_adapter(model):
        _as_plain_lora(folder, initial)
    return _base_record(base, fingerprint) | ({"quantization": asdict(quantization)} if quantization else {})


def _base_record(base: Path, fingerprint: str) -> dict[str, str]:
    return {"base": str(base), "fingerprint": fingerprint or base_fingerprint(base)}


def _as_plain_lora(folder: Path, initial: Mapping[str, torch.Tensor]) -> None:
    """Rewrite an adapter for the base as it lies on disk, from which `initial` was subtracted before training.

    W - s B0 A0 + s B A is W + s [B, -B0] [A; A0]: plain LoRA of twice the rank, with the scale s unchanged.
    """
    import torch
    from safetensors.torch import load_file, save_file

    trained = load_file(folder / ADAPTER_WEIGHTS)
    doubled = {
        name: torch.cat([tensor, initial[name]], 0) if ".lora_A." in name else torch.cat([tensor, -initial[name]], 1)
        for name, tensor in trained.items()
    }
    save_file(doubled, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config["r"] *= 2
    config["lora_alpha"] *= math.sqrt(2) if config["use_rslora"] else 2
    config["init_lora_weights"] = True
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def hub_name(folder: Path) -> tuple[str, str | None]:
    """The Hub's name and commit for a folder in its cache, which hold on any machine; the path itself otherwise."""
    snapshots, repository = folder.parent, folder.parent.parent.name
    if snapshots.name == "snapshots" and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/"), folder.name
    return str(folder), None
