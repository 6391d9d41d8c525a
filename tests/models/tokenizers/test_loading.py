"""Which of a folder's files is read."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from helpers.original_tokenizers import ids, small_qwen, write_settings
from mft_core import load_tokenizer
from mft_core.models.tokenizers.loading import load_tokenizer_files
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_qwen.adapter import Qwen


def test_a_fast_file_is_read_without_the_code_that_its_settings_name(tmp_path: Path) -> None:
    original = small_tokenizer()
    original.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    write_settings(tmp_path, tokenizer_config={**config, "auto_map": {"AutoTokenizer": ["code.Tokenizer", None]}})
    (tmp_path / "code.py").write_text("raise SystemExit('remote code was run')", encoding="utf-8")
    tokenizer = load_tokenizer_files(tmp_path)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    assert ids(tokenizer, "import os") == ids(original, "import os")


def test_a_folder_without_configuration_may_hold_a_tokenizer(folder: Path, tmp_path: Path) -> None:
    assert load_tokenizer(folder)("a")["input_ids"][0] == 1
    assert load_tokenizer(folder, adapter="chatglm").convert_ids_to_tokens(0) == "<unk>"
    (tmp_path / "qwen").mkdir()
    qwen = load_tokenizer(small_qwen(tmp_path / "qwen"))
    assert qwen.chat_template == Qwen.chat_template
    assert qwen.eos_token == "<|endoftext|>"
