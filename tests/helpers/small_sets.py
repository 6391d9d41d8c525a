"""Made-up sets in the published forms, a few problems each."""

from __future__ import annotations

from typing import Any

HUMANEVAL: list[dict[str, Any]] = [
    {
        "task_id": "HumanEval/0",
        "prompt": 'def add(a, b):\n    """ Sum of two numbers.\n    >>> add(1, 2)\n    3\n    """\n',
        "canonical_solution": "    return a + b\n",
        "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(-1, 1) == 0\n",
        "entry_point": "add",
    },
    {
        "task_id": "HumanEval/1",
        "prompt": "from typing import List\n\n\ndef double(x):\n    return 2 * x\n\n\n"
        'def doubled(numbers: List[int]) -> List[int]:\n    """ Every number times two. """\n',
        "canonical_solution": "    return [double(number) for number in numbers]\n",
        "test": "def check(candidate):\n    assert candidate([1, 2]) == [double(1), 4]\n",
        "entry_point": "doubled",
    },
    {
        "task_id": "HumanEval/2",
        "prompt": 'def backwards(text):\n    """ The text from its end to its start. """\n',
        "canonical_solution": "    result = ''\n    for letter in text:\n        result = letter + result\n"
        "    return result\n",
        "test": "def check(candidate):\n    assert candidate('abc') == 'cba'\n",
        "entry_point": "backwards",
    },
]

MBPP: list[dict[str, Any]] = [
    {
        "task_id": number,
        "text": f"Write a function to add {number} to a number.",
        "code": f"def plus_{number}(x):\r\n    return x + {number}",
        "test_setup_code": "",
        "test_list": [f"assert plus_{number}({x}) == {x + number}" for x in range(3)],
        "challenge_test_list": [],
    }
    for number in (2, 3, 4, 11, 12, 510, 511)
]

PAIRS: list[dict[str, Any]] = [
    {"id": "first", "prompt": "Say hello to the world.", "response": "Hello, wonderful world, how are you today?"},
    {"id": "second", "prompt": "Add two numbers in Python.", "response": "def add(a, b):\n    return a + b"},
    {
        "id": "third",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Count."},
            {"role": "assistant", "content": "One two three four five."},
            {"role": "user", "content": "On."},
            {"role": "assistant", "content": "Six seven eight nine ten."},
        ],
    },
]
