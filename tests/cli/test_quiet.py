"""Other libraries keep quiet on the screen; what mft itself says stays."""

from __future__ import annotations

import subprocess
import sys

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


def test_only_errors_and_our_own_words_are_shown() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["broken", "left out"]
