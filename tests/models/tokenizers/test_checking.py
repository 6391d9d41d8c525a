"""Tokenizers of unknown origin that would hang, abort the process or take all memory are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft
from helpers.tiny_models import write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError
from mft_core.models.loading import load_tokenizer
from mft_core.models.tokenizers.checking import check_tokenizer

pytestmark = pytest.mark.slow

PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"
ABORTS = {
    "padding": {
        "strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "<pad>",
    }
}  # fmt: skip
PANICS = {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}
HANGS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "too long a range": "{% for i in range(10**9) %}x{% endfor %}",
    "memory": "{{ 'a' * 10**10 }}",
    "memory in a block of transformers": "{% generation %}{{ 'a' * 10**10 }}{% endgeneration %}",
    "memory for longer conversations": "{% if messages|length > 3 %}{{ 'a' * 10**10 }}{% endif %}",
    "a flood": "{{ 'a' * 10**7 }}",
}


def tokenizer(folder: Path, template: str = PLAIN, changes: dict[str, Any] | None = None) -> Path:
    """The bundled tokenizer with this template and with changes to its file."""
    shutil.copytree(TOKENIZER, folder, dirs_exist_ok=True)
    (folder / "chat_template.jinja").write_text(template)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **(changes or {})}))
    return folder


@pytest.mark.parametrize("name", HANGS)
def test_a_template_without_bounds_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(MftError, match=r"the chat template chat_template\.jinja (takes more than|fails: )"):
        load_tokenizer(None, tokenizer(tmp_path, HANGS[name]))


@pytest.mark.parametrize("changes", [ABORTS, PANICS], ids=["aborts", "panics"])
def test_a_tokenizer_that_ends_the_process_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(MftError, match=r"tokenizer\.json (makes the process abort \(SIGABRT\)|fails: .*Panic)"):
        load_tokenizer(None, tokenizer(tmp_path, changes=changes))


def test_templates_in_the_settings_and_under_other_names_are_tried_too(tmp_path: Path) -> None:
    tokenizer(tmp_path).joinpath("chat_template.jinja").unlink()
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    templates = [{"name": "default", "template": PLAIN}, {"name": "tools", "template": HANGS["too long a range"]}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": templates}))
    with pytest.raises(MftError, match=r"the chat template tools of tokenizer_config\.json fails: Range too big"):
        check_tokenizer(tmp_path)


def test_templates_that_refuse_or_are_wrong_are_left_to_who_uses_them(tmp_path: Path) -> None:
    for number, template in enumerate(("{{ raise_exception('no') }}", "{% for", "{{ messages[9].content }}")):
        check_tokenizer(tokenizer(tmp_path / str(number), template))


def test_what_passed_is_not_tried_again_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    check_tokenizer(tokenizer(tmp_path / "one"))
    (mark,) = (tmp_path / "cache" / "tried").iterdir()
    monkeypatch.setattr("sys.executable", "/nowhere")
    check_tokenizer(tokenizer(tmp_path / "same"))
    with pytest.raises(FileNotFoundError):
        check_tokenizer(tokenizer(tmp_path / "other", PLAIN + "!"))
    mark.unlink()
    with pytest.raises(FileNotFoundError):
        check_tokenizer(tmp_path / "one")


def test_the_command_line_survives_a_tokenizer_that_aborts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer(write_checkpoint("llama", tmp_path), changes=ABORTS)
    assert mft("generate", str(tmp_path), "--prompt", "hi") == 1
    assert "makes the process abort" in " ".join(capsys.readouterr().err.split())
