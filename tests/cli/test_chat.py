"""`mft chat`."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from mft_core.generation.answering import Sampling
from mft_core.generation.opening import open_assistant
from mft_core.records import Turn
from mft_core.registry.catalog import Catalog


def test_chat_takes_piped_lines_and_remembers(command: Callable[..., Result], catalog: Catalog) -> None:
    said = command("chat", "tiny", "--model", "llama", "--max-new-tokens", "8", stdin="One\n\nTwo\n/new\nOne\n")
    assert said.exit_code == 0, said.output
    assistant, sampling = open_assistant("tiny", catalog, "llama"), Sampling(8)
    first = assistant.answer([Turn("user", "One")], sampling).text
    turns = [Turn("user", "One"), Turn("assistant", first), Turn("user", "Two")]
    second = assistant.answer(turns, sampling).text
    assert said.stdout == "".join(f"{text}\n" for text in (first, second, first))
    left = command("chat", "tiny", "--model", "llama", "--max-new-tokens", "8", stdin="One\n/exit\nTwo\n")
    assert left.stdout == f"{first}\n"
