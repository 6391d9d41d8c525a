"""A tokenizer of unknown origin tried in a process of its own before it is loaded in this one."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from mft_core.errors import MftError
from mft_core.models.tokenizers.settings import chat_templates
from mft_core.support.bounded import trial
from mft_core.support.durable import file_digest
from mft_core.support.paths import cache_folder

PROGRAM = "mft_core.models.tokenizers.trial"
VERSION = 1
"""Of what the program tries; what an older one let pass is tried again."""


def check_tokenizer(folder: Path) -> None:
    """Refuse a tokenizer.json or a chat template that hangs, aborts the process, or takes all memory.

    Files that passed are remembered by their digest in mft's cache, so that this costs a process (a fifth of a second)
    once.

    Raises:
        MftError: the file or template, and what it does.
    """
    path = folder / "tokenizer.json"
    wanted = {"tokenizer": str(path.resolve()) if path.is_file() else "", "templates": chat_templates(folder)}
    if not any(wanted.values()):
        return
    contents = [VERSION, file_digest(path) if wanted["tokenizer"] else "", wanted["templates"]]
    digest = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
    with suppress(OSError):
        if (cache_folder("tried") / digest).exists():
            return
    tried, trouble = trial(PROGRAM, json.dumps(wanted))
    if trouble:
        raise MftError(
            f"The tokenizer in {folder} cannot be used: {tried or 'trying it'} {trouble}.",
            "Take the files from where the model was published. They may be damaged, or made to do harm.",
        )
    with suppress(OSError):  # without a cache it is tried again next time
        (cache_folder("tried") / digest).touch()
