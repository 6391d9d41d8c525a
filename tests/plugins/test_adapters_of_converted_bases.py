"""Adapters of bases in formats of their own load in plain PEFT on what `mft export BASE` writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from helpers.finished_runs import logits
from helpers.paths import CHECKPOINTS
from helpers.running import mft
from helpers.tiny_models import ADAPTERS
from mft_bases.tiny import TOKENIZER
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.recognition import recognize_adapter
from mft_core.testing.packed_texts import move_weights
from mft_core.testing.random_models import relative_difference
from mft_core.testing.tuned_models import save_tuned, tuned_model

pytestmark = pytest.mark.slow

BASES = {
    "": ("qwen", "baichuan7b_v1", "baichuan7b_v2", "chatglm2", "chatglm3", "codegeex2", "glm4_old"),
    "mft_baichuan.alibi": ("baichuan13b_v1", "baichuan13b_v2"),
    "mft_glm.modeling": ("glm10b",),
}
"""By what Python has to import before it loads them, as docs/models.md says; the first need nothing of mft."""
LOADER = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
for module, names in json.loads(sys.argv[2]).items():
    if module:
        __import__(module)
    for name in names:
        base = AutoModelForCausalLM.from_pretrained(f"{sys.argv[1]}/{name}/native")
        model = PeftModel.from_pretrained(base, f"{sys.argv[1]}/{name}/run/final").eval()
        print(json.dumps(model(input_ids=torch.arange(1, 12)[None], use_cache=False).logits.tolist()))
    assert module or not [name for name in sys.modules if name.startswith("mft")]
"""


def write_adapter_and_native_base(name: str, place: Path) -> torch.Tensor:
    """Tune a base in a format of its own, export that base; returns the logits of the tuned model."""
    base = Path(shutil.copytree(CHECKPOINTS / name, place / "base"))
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(base))]
    tuned = tuned_model(load_base(adapter, base, torch.float32), rank=4)
    move_weights(tuned)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    save_tuned(tuned, tokenizer, place / "run" / "final")
    if not any(base.glob("tokenizer*")):
        tokenizer.save_pretrained(base)
    assert mft("export", str(base), "--output", str(place / "native"), "--dtype", "float32") == 0
    return logits(tuned)


def test_an_adapter_computes_the_same_on_the_exported_base(tmp_path: Path) -> None:
    names = [name for group in BASES.values() for name in group]
    if not all((CHECKPOINTS / name).is_dir() for name in names):
        pytest.skip("../shared is absent")
    expected = {name: write_adapter_and_native_base(name, tmp_path / name) for name in names}
    command = [sys.executable, "-c", LOADER, str(tmp_path), json.dumps(BASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        assert relative_difference(torch.tensor(json.loads(line)), expected[name]) < 1e-5, name
