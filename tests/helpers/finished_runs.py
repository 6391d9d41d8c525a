"""Runs as they leave themselves behind, and what they compute: by us, and by plain transformers and PEFT."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from helpers.tiny_models import load_tiny
from mft_bases.tiny import TOKENIZER
from mft_core.testing.tuned_models import save_tuned, tuned_model

IDS = torch.arange(1, 12)[None]
PLAIN_LOADER = """
import json, sys, torch
from pathlib import Path
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

def load(folder):
    AutoTokenizer.from_pretrained(folder)
    if not (Path(folder) / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(PeftConfig.from_pretrained(folder).base_model_name_or_path)
    return PeftModel.from_pretrained(base.float(), folder)

ids = torch.arange(1, 12)[None]
found = [load(folder).eval()(input_ids=ids, use_cache=False).logits.tolist() for folder in sys.argv[1:]]
assert not [name for name in sys.modules if name.startswith("mft")]
print(json.dumps(found))
"""


def plain_logits(*folders: Path) -> list[torch.Tensor]:
    """What plain transformers and PEFT make of the folders, in a process that never imports us."""
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_LOADER, *map(str, folders)],
        capture_output=True, text=True, check=False, cwd=folders[0].parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [torch.tensor(found) for found in json.loads(done.stdout)]


def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=IDS, use_cache=False).logits.detach()


def finished(architecture: str, method: str, base: Path, run: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A tuned model, saved as a run leaves it: its trained weights are all away from where they started."""
    model = tuned_model(load_tiny(architecture, base, dtype), method=method, rank=4)
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    save_tuned(model, AutoTokenizer.from_pretrained(TOKENIZER), run / "final", method=method)
    return model


def interrupted(run: Path, copy: Path) -> Path:
    """A finished run as it was after its last checkpoint but one."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "final")
    shutil.rmtree(sorted((copy / "checkpoints").iterdir())[-1])
    return copy
