"""What the JSON files beside a vocabulary say: named tokens, added tokens, the chat template."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support.json_files import AGAIN, read_object

CONFIG_FILE = "tokenizer_config.json"
SPECIAL_FILE = "special_tokens_map.json"
ADDED_FILE = "added_tokens.json"
VOCABULARIES = ("tokenizer.json", "vocab.json")
NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class TokenizerSettings:
    """Settings of one checkpoint's tokenizer; what its files leave open is None or empty.

    Attributes:
        named: "bos_token", "eos_token", "unk_token", "pad_token" -> token.
        added: id -> token and whether it is special.
        beginning: whether every text begins with the beginning token.
        ending: whether every text ends with the end token.
        chat_template: Jinja.
        longest: tokens of the longest text the model was trained for.
    """

    named: dict[str, str] = field(default_factory=dict)
    added: dict[int, tuple[str, bool]] = field(default_factory=dict)
    beginning: bool | None = None
    ending: bool = False
    chat_template: str | None = None
    longest: int | None = None


def read_settings(folder: Path) -> TokenizerSettings:
    """From tokenizer_config.json, special_tokens_map.json, added_tokens.json and chat_template.jinja.

    Raises:
        MftError: one of them is no JSON object.
    """
    config = read_object(folder / CONFIG_FILE)
    special = {**read_object(folder / SPECIAL_FILE), **config}
    names = {key: _content(special[key]) for key in NAMED if special.get(key)}
    added = {number: (name, True) for name, number in read_object(folder / ADDED_FILE).items()}
    for number, token in (config.get("added_tokens_decoder") or {}).items():
        added[int(number)] = (_content(token), isinstance(token, dict) and bool(token.get("special")))
    longest = config.get("model_max_length")
    return TokenizerSettings(
        named={key: name for key, name in names.items() if name},
        added=added,
        beginning=config.get("add_bos_token"),
        ending=bool(config.get("add_eos_token")),
        chat_template=_chat_template(folder, config),
        longest=int(longest) if longest and longest < 1 << 31 else None,
    )


def check_settings(folder: Path) -> None:
    """Refuse settings that were damaged, by the name of their file; without it transformers names no file.

    Raises:
        MftError: one of the files is no JSON object, or gives a token something else than an id.
    """
    for name in (CONFIG_FILE, SPECIAL_FILE):
        read_object(folder / name)
    for token, number in read_object(folder / ADDED_FILE).items():
        if type(number) is not int:
            raise MftError(f"{folder / ADDED_FILE} gives the token {token!r} the id {number!r}.", AGAIN)


def check_vocabularies(folder: Path) -> None:
    """Name the vocabulary that is damaged, if one is: large files, so only where a tokenizer could not be loaded.

    Raises:
        MftError: one of them is no JSON object.
    """
    for name in VOCABULARIES:
        read_object(folder / name)


def wants_remote_code(folder: Path) -> bool:
    """Whether the tokenizer's class is code in the checkpoint."""
    return bool(read_object(folder / CONFIG_FILE).get("auto_map"))


def _content(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


def chat_templates(folder: Path) -> dict[str, str]:
    """Every chat template that a tokenizer's files hold, by what it may be called in a message.

    Raises:
        MftError: one of the files is no JSON object, no text, or empty.
    """
    found = {}
    for file in sorted((*folder.glob("chat_template.jinja"), *folder.glob("additional_chat_templates/*.jinja"))):
        try:
            found[f"the chat template {file.name}"] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise MftError(f"{file} is no text in UTF-8: {error}", AGAIN) from error
        if not found[f"the chat template {file.name}"].strip():
            raise MftError(f"{file} is empty.", AGAIN)
    for name in (CONFIG_FILE, "chat_template.json"):
        template = read_object(folder / name).get("chat_template")
        for each in template if isinstance(template, list) else [{"template": template}]:
            if isinstance(each, dict) and isinstance(each.get("template"), str):
                found[" ".join(["the chat template", str(each.get("name", "")), f"of {name}"])] = each["template"]
    return found


def _chat_template(folder: Path, config: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = config.get("chat_template")
    if isinstance(template, list):  # several by name
        return next((each["template"] for each in template if each.get("name") == "default"), None)
    return template
