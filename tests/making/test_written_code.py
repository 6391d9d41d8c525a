"""Code taken out of what a model wrote."""

from __future__ import annotations

import pytest

from mft_core.making.written_code import assertions, code_of, literal_calls, main_function, signature

ADD = "def add(a: int, b: int = 0) -> int:\n    return a + b\n"


@pytest.mark.parametrize(
    ("answer", "language", "code"),
    [
        (f"Here:\n```python\n{ADD}```\nIt adds.", "python", ADD),
        (f"```py\n{ADD}```\nprints\n```\n3\n```\n", "python", ADD),
        (f"```python\nimport math\n```\nthen\n```python\n{ADD}```", "python", f"import math\n\n{ADD}"),
        (f"```\n{ADD}```\nwhich gives\n```\n3 apples\n```", "python", ADD),
        ("```python\ndef add(:\n```", "python", "def add(:\n"),
        ("```\nnot python at all\n```", "python", "not python at all\n"),
        ("```js\nlet a = 1\n```\n```python\nx = 1\n```", "javascript", "let a = 1\n"),
        ("```cpp\nint x;\n```", "C++", "int x;\n"),
        ("```kotlin\nval x = 1\n```", "Kotlin", "val x = 1\n"),
        ("```kotlin\nval x = 1\n```", "python", ""),
        (ADD, "python", ""),
        ("```python\n```", "python", ""),
    ],
)
def test_the_blocks_of_the_language_are_the_code(answer: str, language: str, code: str) -> None:
    assert code_of(answer, language) == code


@pytest.mark.parametrize(
    ("names", "instruction", "chosen"),
    [
        (["helper", "solve"], "Sort it.", "solve"),
        (["median", "helper"], "Write `median(values)`.", "median"),
        (["median", "helper"], "写一个函数median求中位数。", "median"),
        (["med", "helper"], "Write median.", "helper"),
        (["solve", "_helper", "main", "test_solve"], "Sort it.", "solve"),
        (["main"], "Sort it.", None),
        ([], "Sort it.", None),
    ],
)
def test_the_function_asked_for_is_found(names: list[str], instruction: str, chosen: str | None) -> None:
    source = "x = 1\n" + "".join(f"def {name}():\n    pass\n" for name in names)
    found = main_function(source, instruction)
    assert (found.name if found else None) == chosen
    assert main_function(source + "def (", instruction) is None


def test_a_signature_has_no_body() -> None:
    found = main_function("@cache\ndef add(a: int, *, b=0) -> 'int':\n    '''Adds.'''\n    return a + b\n", "")
    assert found is not None
    assert signature(found) == "def add(a: int, *, b=0) -> 'int'"


def test_tests_are_assertions_on_the_function_without_another_one() -> None:
    source = (
        "import math\nfrom solution import add\nimport add\ndef add(a, b):\n    return 0\n"
        "x = 2\nassert add(1, x) == 3  # one\nassert math.isclose(add(1, 0.5), 1.5)\nassert x == 2\nassert add\n"
    )
    found = assertions(source, "add")
    assert found.number == 2
    assert found.source.splitlines() == [
        "import math", "x = 2", "assert add(1, x) == 3", "assert math.isclose(add(1, 0.5), 1.5)", "assert x == 2",
        "assert add",
    ]  # fmt: skip
    assert assertions("assert add(1", "add") == ("", 0)


def test_calls_with_literals_give_their_arguments() -> None:
    lines = [
        "add(1, 2)", "add( 1,2 )", "add([-1, {'a': (1, None)}], b={2, 3})  # sets", "add()", "add('用', b=True)",
        "add(x, 1)", "add(1 + 1, 2)", "add(*[1, 2])", "add(**{'a': 1})", "print(add(1, 3))", "add(1, 4) == 5",
        "sub(1, 5)", "math.add(1, 6)", "add(1,", "a = add(1, 7)", "add(1, 8); add(1, 9)", "add(10 ** 10 ** 10)", "",
        "[" * 1000,
    ]  # fmt: skip
    assert literal_calls("\n".join(lines), "add") == (
        "1, 2",
        "[-1, {'a': (1, None)}], b={2, 3}",
        "'用', b=True",
    )
    assert len(literal_calls("\n".join(f"add({number})" for number in range(50)), "add")) == 10
