"""Tools, calls and results as text, for chat templates that know none: the form that Hermes and Qwen have.

The tools stand at the end of the system turn, or, where a template takes none, before the first question; a call in the
answer that makes it, results in a turn of the user's:

    <tool_call>
    {"name": "weather", "arguments": {"city": "Oslo"}}
    </tool_call>

    <tool_response>
    {"degrees": 3}
    </tool_response>
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mft_core.records import Turn

TOOLS = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def needs_tools(turns: Sequence[Turn]) -> bool:
    """Whether there are tools, calls or results in a conversation."""
    return any(turn.calls or turn.role in ("tools", "tool") for turn in turns)


def in_text(turns: Sequence[Turn], takes_system: bool = True) -> tuple[Turn, ...]:
    """The conversation of system, user and assistant turns that says the same; itself where it has no tools.

    Results that follow each other are one turn.

    Args:
        turns: the conversation.
        takes_system: the chat template takes a system turn; else tools alone stand in the first turn of the user's.
    """
    if not needs_tools(turns):
        return tuple(turns)
    said: list[Turn] = []
    tools_alone = all(turn.role != "system" for turn in turns)
    results = False
    for turn in turns:
        if turn.role == "tools":
            listed = "\n".join(_json(tool) for tool in json.loads(turn.content))
            said.append(turn._replace(role="system", content=TOOLS.format(tools=listed)))
        elif turn.role == "user" and said and said[-1].role == "system" and tools_alone and not takes_system:
            said[-1] = turn._replace(content=f"{said[-1].content}\n\n{turn.content}")
        elif turn.role == "system" and said:
            said[-1] = turn._replace(content=f"{turn.content}\n\n{said[-1].content}")
        elif turn.role == "tool":
            result = f"<tool_response>\n{turn.content}\n</tool_response>"
            if results:
                said[-1] = said[-1]._replace(content=f"{said[-1].content}\n{result}")
            else:
                said.append(turn._replace(role="user", content=result, call_id="", name=""))
        else:
            said.append(turn._replace(content=_with_calls(turn), calls=""))
        results = turn.role == "tool"
    return tuple(said)


def _with_calls(turn: Turn) -> str:
    if not turn.calls:
        return turn.content
    calls = [{"name": call["name"], "arguments": call["arguments"]} for call in json.loads(turn.calls)]
    shown = "\n".join(f"<tool_call>\n{_json(call)}\n</tool_call>" for call in calls)
    between = "\n" if turn.content and not turn.content.endswith("\n") else ""
    return f"{turn.content}{between}{shown}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
