"""Program: tries a tokenizer's files within limits. `mft_core.models.tokenizers.checking` runs it.

Its input is a JSON object: "tokenizer", the path of a tokenizer.json or "", and "templates", chat templates by name.
Errors that the loading process would meet and report itself are no trouble here.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from typing import Any, NoReturn

from mft_core.support.bounded import DONE, limit_process, say

SAMPLE = "def f(x):\n\treturn x + 1  # Grüße, 你好\n" + "aB1 " * 50 + "a" * 500 + " " * 500
MOST_CHARACTERS = 1_000_000
TURNS = ["user", "assistant", "user", "assistant", "user"]
TRACKING = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
"""transformers' own tags, which change no text."""


def try_tokenizer(path: str) -> None:
    """Load it and encode a text; a panic of its library ends this process, as it would end any."""
    from tokenizers import Tokenizer

    with suppress(Exception):  # the loading process meets it again
        Tokenizer.from_file(path).encode(SAMPLE)


def try_template(template: str) -> None:
    """Render it as transformers does, for conversations of each length and with a system message.

    Raises:
        MemoryError: or another error of too much work.
        ValueError: what it writes is far too long.
    """
    from jinja2.exceptions import TemplateError

    compiled = _environment().from_string(TRACKING.sub("", template))
    for roles in (TURNS[:1], TURNS[:2], TURNS, ["system", *TURNS[:1]], ["system", *TURNS]):
        messages = [{"role": role, "content": "Say something."} for role in roles]
        for generate in (False, True):
            try:
                text = compiled.render(messages=messages, add_generation_prompt=generate, **NAMES)
            except (TemplateError, TypeError, LookupError, AttributeError):
                continue
            if len(text) > MOST_CHARACTERS:
                raise ValueError(f"it writes {len(text):,} characters for {len(roles)} short turns")


NAMES = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "tools": None}


def _environment() -> Any:
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: "01 Jan 2025"
    return environment


def main() -> None:
    """Say what is tried, and try it."""
    from jinja2.exceptions import TemplateError

    limit_process()
    wanted = json.load(sys.stdin)
    if wanted["tokenizer"]:
        say("tokenizer.json")
        try_tokenizer(wanted["tokenizer"])
    for name, template in wanted["templates"].items():
        say(name)
        try:
            try_template(template)
        except TemplateError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a stranger's program does
            sys.exit(str(error) or type(error).__name__)
    say(DONE)


if __name__ == "__main__":
    main()
