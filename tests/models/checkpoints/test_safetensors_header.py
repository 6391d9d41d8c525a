"""A damaged weight file is named before anything is done with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helpers.tiny_models import adapter_of, write_checkpoint
from mft_core.errors import MftError
from mft_core.models.checkpoints.safetensors_header import read_header
from mft_core.models.loading import load_base
from mft_core.tuning.fingerprint import base_fingerprint

DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda whole: whole[:-1], r"has [\d,]+ bytes; its header says"),
    "longer": (lambda whole: whole + b"\0", r"has [\d,]+ bytes; its header says"),
    "cut in the header": (lambda whole: whole[:60], "ends within its header"),
    "endless header": (lambda whole: (1 << 63).to_bytes(8, "little") + whole[8:], "ends within its header"),
    "largest header": (lambda whole: b"\xff" * 8 + whole[8:], "ends within its header"),
    "empty": (lambda whole: b"", "ends within its header"),
    "no JSON": (lambda whole: whole[:8] + b"x" + whole[9:], "its header cannot be read"),
    "another JSON": (lambda whole: (2).to_bytes(8, "little") + b"[]", "its header cannot be read"),
    "deep JSON": (lambda whole: (90_000).to_bytes(8, "little") + b"[" * 90_000, "its header cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    path = write_checkpoint("llama", tmp_path) / "model.safetensors"
    assert "lm_head.weight" in read_header(path)
    change, reason = DAMAGES[damage]
    path.write_bytes(change(path.read_bytes()))
    for use in (base_fingerprint, lambda folder: load_base(adapter_of("llama"), folder, torch.float32)):
        with pytest.raises(MftError, match=f"model.safetensors.* {reason}") as caught:
            use(tmp_path)
        assert "fetch it again" in caught.value.hint
