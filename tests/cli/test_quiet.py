"""Other libraries keep quiet on the screen; what mft itself says stays."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

PROGRAM = """
import logging, warnings
from mft_cli.quiet import quieten_other_libraries
quieten_other_libraries()
logging.getLogger("bitsandbytes.backends.cpu.ops").warning("Failed to load CPU gemm_4bit_forward")
logging.getLogger("other").error("broken")
logging.getLogger("mft_core.models").warning("left out")
warnings.warn("advice", FutureWarning)
from tqdm import tqdm
list(tqdm(range(3), desc="Converting"))
from huggingface_hub.utils import logging as hub
hub.get_logger("huggingface_hub.utils._http").warning("Retrying in 1s")
"""

LOADING = """
import sys
from mft_cli.quiet import quieten_other_libraries
quieten_other_libraries()
from pathlib import Path
from mft_cli.app import run_command_line
code = run_command_line(["generate", "tiny", "--model", "llama", "--prompt", "x", "--max-new-tokens", "1"])
from transformers.utils import logging
print(code, logging.get_verbosity())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("given", "level"), [(None, logging.ERROR), ("info", logging.INFO)])
def test_what_the_user_wants_to_hear_of_transformers_is_heard_while_a_model_loads(
    given: str | None, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY", raising=False)
    if given:
        monkeypatch.setenv("TRANSFORMERS_VERBOSITY", given)
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"0 {level}", done.stderr
    assert given or "Loading weights" not in done.stderr


def test_only_errors_and_our_own_words_are_shown() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["broken", "left out"]
