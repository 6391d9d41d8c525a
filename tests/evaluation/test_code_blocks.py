"""Code blocks in Markdown as models write it."""

from __future__ import annotations

import pytest

from mft_core.evaluation.code_blocks import code_blocks

CODE = "def f(n):\n    return n"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (f"So:\n```python\n{CODE}\n```\nDone.", [("python", f"{CODE}\n")]),
        (f"```python\n{CODE}```", [("python", CODE)]),
        (f"```python\n{CODE}``` That is it.\n```\n1\n```", [("python", CODE), ("", "1\n")]),
        (f"```{CODE}\n```", [("", f"{CODE}\n")]),
        (f"```python {CODE}\n```", [("python", f"{CODE}\n")]),
        (f"``` {{.python}}\n{CODE}\n```", [("python", f"{CODE}\n")]),
        (f'```python title="f.py"\n{CODE}\n```', [("python", f"{CODE}\n")]),
        (f"This is it: ```python\n{CODE}\n```", [("python", f"{CODE}\n")]),
        (f"```python\n{CODE}\n", [("python", f"{CODE}\n")]),
        (f"~~~py\n{CODE}\n~~~", [("py", f"{CODE}\n")]),
        ("```java\nint f() { return 1; }```", [("java", "int f() { return 1; }")]),
        ("```Java\nint f() {\n  return 1;\n}\n```\n", [("java", "int f() {\n  return 1;\n}\n")]),
        ("````python\nx = '''\n```\n'''\n````", [("python", "x = '''\n```\n'''\n")]),
        ("```python\nx = '''\n```\n'''\ny = 1\n```\n", [("python", "x = '''\n```\n'''\ny = 1\n")]),
        ("```python\nx = '```'\n```\n", [("python", "x = '```'\n")]),
        ("Inline ```x``` is none, nor is `y`.", []),
    ],
)
def test_blocks_are_found(text: str, blocks: list[tuple[str, str]]) -> None:
    assert [block[:2] for block in code_blocks(text)] == blocks


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        (f"```python\n{CODE}\n```", [True]),
        (f"```python\n{CODE}```", [True]),
        (f"```python\n{CODE}\n", [False]),
        (f"```python\n{CODE}\n```\n```\n1", [True, False]),
        ("```\n```", [True]),
        ("```python\nx = '''\n```\n'''\n```", [True]),
        ("```java\nint f() {", [False]),
        ("```", [False]),
    ],
)
def test_blocks_that_nothing_ends_are_told(text: str, closed: list[bool]) -> None:
    assert [block.closed for block in code_blocks(text)] == closed
