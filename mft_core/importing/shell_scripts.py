"""The command of a shell script that trains, with the script's variables filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mft_core.errors import UsageError

OTHERS = frozenset({
    "infer", "deploy", "export", "eval", "sample", "app", "web-ui", "webui", "webchat", "rollout", "chat", "api",
    "merge", "predict", "vllm-serve", "rlhf", "dpo", "grpo", "kto", "rloo", "ppo", "reward",
})  # fmt: skip
"""Commands of training tools that are no supervised fine-tuning."""
NOT_TOOLS = frozenset({"echo", "pip", "git", "mkdir", "cp", "rm", "ls", "wget", "curl", "apt", "apt-get", "conda"})
UNSET, MORE, LAUNCHER = "unset_variables", "other_commands", "launcher"
"""Keys for what a script has beside its command's arguments, so that none of it is lost."""
OPERATORS = frozenset("();<>|&")
ASSIGNED = re.compile(r"(?:export\s+|local\s+)?([A-Za-z_]\w*)=(\S.*)?$", re.DOTALL)
VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)")
COMPUTED = re.compile(r"\$\(\((.+?)\)\)|\$\(expr ([^()]+)\)")
SUBSTITUTED = re.compile(r"\$\(([^()]*)\)")
SUM = re.compile(r"\s*(-?\d+)\s*\\?([-+*/%])\s*(-?\d+)\s*")


class ScriptCommand(NamedTuple):
    """One with arguments: the program and its own command, a launcher's words before it, and what comes behind."""

    head: tuple[str, ...]
    launcher: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def trains(self) -> bool:
        """Whether nothing says that it does something else."""
        return OTHERS.isdisjoint(word.rpartition("/")[2].removesuffix(".py") for word in self.head)


def arguments(text: str) -> dict[str, Any]:
    """The `--key value` of the first command that trains; one without a value is true, of several a list.

    Raises:
        UsageError: all commands do something else.
        ValueError: a quote is never closed.
    """
    commands = [command for command in _commands(text) if NOT_TOOLS.isdisjoint(command.head[:1])]
    training = [command for command in commands if command.trains]
    if not training:
        if commands:
            said = " ".join(commands[0].head)
            raise UsageError(f"`{said}` is no supervised fine-tuning.", "Take a script that trains.")
        return {}
    found = _keys(training[0].arguments)
    if training[0].launcher:
        found[LAUNCHER] = " ".join(training[0].launcher)
    if training[1:]:
        found[MORE] = [" ".join((*command.head, *command.arguments)) for command in training[1:]]
    return found


def _keys(words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    unset: list[str] = []
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        if not word.startswith("--") or len(word) == 2:
            continue
        key, equals, value = word[2:].partition("=")
        values = [value] if equals else []
        while not equals and number < len(words) and not words[number].startswith("--"):
            values.append(words[number])
            number += 1
        if any("$" in one for one in values):
            unset.append(f"--{key} {' '.join(values)}")
            continue
        plain = [_scalar(one) for one in values]
        found[key.replace("-", "_")] = True if not plain else plain[0] if len(plain) == 1 else plain
    return {**found, UNSET: unset} if unset else found


def _commands(text: str) -> Iterator[ScriptCommand]:
    """Those that have arguments."""
    variables: dict[str, str] = {}
    for line in _lines(text):
        if assigned := ASSIGNED.fullmatch(line.strip()):
            words = shlex.split(_filled(assigned[2] or "", variables))
            if len(words) <= 1:
                variables[assigned[1]] = "".join(words)
                continue
        if re.search(r"\s--\w", line):
            yield _command(_words(_filled(line, variables)))


def _lines(text: str) -> Iterator[str]:
    """Without comments, each with what it goes on with: after a backslash, or in an open quote."""
    begun, in_quotes = "", False
    for line in text.splitlines():
        if not in_quotes and line.lstrip().startswith("#"):
            continue
        goes_on = line.rstrip().endswith("\\")
        begun += f"{line.rstrip()[:-1]} " if goes_on else line
        in_quotes = _has_open_quote(begun)
        if in_quotes:
            begun += "\n"
        elif not goes_on:
            yield begun
            begun = ""
    if begun:
        yield begun


def _has_open_quote(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def _command(words: Sequence[str]) -> ScriptCommand:
    scripts = [number for number, word in enumerate(words) if word.endswith(".py")]
    first = next((number for number, word in enumerate(words) if word.startswith("--")), len(words))
    start = scripts[0] + 1 if scripts else first
    before = [word for word in words[:start] if not re.match(r"[A-Za-z_]\w*=", word)]
    launcher = before[:-1] if scripts and any(word.startswith("--") for word in before) else []
    return ScriptCommand(tuple(before[len(launcher) :]), tuple(launcher), tuple(words[start:]))


def _words(line: str) -> list[str]:
    """Of one command, up to where its output is sent elsewhere or another one follows."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="".join(OPERATORS))
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in lexer:
        if OPERATORS.issuperset(word) and "--" in "".join(words):
            return words[:-1] if word.startswith(">") and words[-1] in ("1", "2") else words
        words.append(word)
    return words


def _filled(text: str, variables: Mapping[str, str]) -> str:
    """With the variables that are known, and with what is computed of them."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[3], match[2] if match[2] is not None else match[0])

    computed = COMPUTED.sub(lambda match: _computed(match[1] or match[2]), VARIABLE.sub(value, text))
    return SUBSTITUTED.sub(lambda match: _unknown(match[1]), computed)


def _unknown(text: str) -> str:
    """A single word that is known to be unset, for what another command would print."""
    return "$" + re.sub(r"\W+", "_", text)


def _computed(text: str) -> str:
    """One operation on two whole numbers."""
    match = SUM.fullmatch(text)
    if match is None or (match[2] in "/%" and int(match[3]) == 0):
        return _unknown(text)
    left, right = int(match[1]), int(match[3])
    results = {"+": left + right, "-": left - right, "*": left * right}
    return str(results[match[2]] if match[2] in results else left // right if match[2] == "/" else left % right)


def _scalar(text: str) -> Any:
    """A number or a truth value as such."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
