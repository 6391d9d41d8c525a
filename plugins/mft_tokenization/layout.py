"""What a chat template puts around the turns, found by rendering them with placeholders for their contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mft_core.errors import RecordError
from mft_core.records import Turn

Render = Callable[[Sequence[Turn], bool], str]
"""Turns and `add_generation_prompt` to text."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The fixed text around the contents of some sequence of roles.

    Attributes:
        literals: text before each content, and after the last: one more than there are turns.
        lead_ins: for each turn, how many characters at the end of the literal before it come after the generation
            prompt and are thus the model's to write (" " in Llama 2, "<think>..." in Qwen 3); 0 for other roles.
    """

    literals: tuple[str, ...]
    lead_ins: tuple[int, ...]

    def contents(self, rendered: str, turns: Sequence[Turn]) -> list[str]:
        """The contents as they stand in `rendered`: unchanged, or stripped where the template strips them.

        Raises:
            RecordError: "template changes content".
        """
        found, position = [], len(self.literals[0])
        matches = rendered.startswith(self.literals[0])
        for turn, literal in zip(turns, self.literals[1:], strict=True):
            for content in (turn.content, turn.content.strip()):
                end = position + len(content)
                if matches and rendered.startswith(content, position) and rendered.startswith(literal, end):
                    found.append(content)
                    position = end + len(literal)
                    break
            else:
                raise RecordError("template changes content", f"of the {turn.role} turn {len(found) + 1}")
        if position != len(rendered):
            raise RecordError("template changes content", "it adds text that depends on the contents")
        return found


def find_layout(roles: Sequence[str], render: Render, specials: Sequence[str]) -> Layout:
    """The layout of a sequence of roles.

    Args:
        roles: "system", "user", "assistant".
        render: the template.
        specials: special tokens. Where one stands between the generation prompt and an answer, the template knows no
            generation prompt, and the answer starts at its content.

    Raises:
        RecordError: "template refuses roles", or "template changes content".
    """
    turns = [Turn(role, f"\ue0fe{number}\ue0ff") for number, role in enumerate(roles)]
    rendered = render(turns, False)
    literals, rest = [], rendered
    for turn in turns:
        before, found, rest = rest.partition(turn.content)
        if not found or turn.content in rest:
            raise RecordError("template changes content", f"it shows a {turn.role} turn not once")
        literals.append(before)
    lead_ins = [0] * len(turns)
    for number, turn in enumerate(turns):
        if turn.role == "assistant":
            head = rendered[: rendered.index(turn.content)]
            lead_ins[number] = _lead_in(head, render(turns[:number], True), specials)
    return Layout((*literals, rest), tuple(lead_ins))


def _lead_in(head: str, prompt: str, specials: Sequence[str]) -> int:
    if not head.startswith(prompt):
        raise RecordError(
            "template refuses roles", "what it shows before an answer is not what it shows when it asks for one"
        )
    lead_in = head[len(prompt) :]
    return 0 if any(special in lead_in for special in specials) else len(lead_in)
