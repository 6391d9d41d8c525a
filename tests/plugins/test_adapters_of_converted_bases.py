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
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.saving import save_final

pytestmark = pytest.mark.slow

NEEDS = {"baichuan13b_v1": "mft_baichuan.alibi", "baichuan13b_v2": "mft_baichuan.alibi", "glm10b": "mft_glm.modeling"}
"""What Python has to import before it loads them, as docs/models.md says; the others need nothing of mft."""
NAMES = ("qwen", "baichuan7b_v1", "baichuan7b_v2", "chatglm2", "chatglm3", "codegeex2", "glm4_old", *NEEDS)
LOADER = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
native, final, *modules = sys.argv[1:]
for module in modules:
    __import__(module)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(native), final).eval()
print(json.dumps(model(input_ids=torch.arange(1, 12)[None], use_cache=False).logits.tolist()))
assert modules or not [name for name in sys.modules if name.startswith("mft")]
"""


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_computes_the_same_on_the_exported_base(name: str, tmp_path: Path) -> None:
    if not (CHECKPOINTS / name).is_dir():
        pytest.skip("../shared is absent")
    base, final, native = tmp_path / "base", tmp_path / "run" / "final", tmp_path / "native"
    shutil.copytree(CHECKPOINTS / name, base)
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(base))]
    tuned = tuned_model(load_base(adapter, base, torch.float32), rank=4)
    move_weights(tuned)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    save_final(tuned, tokenizer, final)
    if not any(base.glob("tokenizer*")):
        tokenizer.save_pretrained(base)
    assert mft("export", str(base), "--output", str(native), "--dtype", "float32") == 0
    modules = [NEEDS[name]] if name in NEEDS else []
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(native), str(final), *modules], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert relative_difference(torch.tensor(json.loads(done.stdout)), logits(tuned)) < 1e-5
