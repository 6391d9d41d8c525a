"""Made-up sets of code in several languages, in the published forms, a few problems each."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HUMANEVAL_X_PYTHON: list[dict[str, Any]] = [
    {
        "task_id": f"Python/{number}",
        "prompt": f'{head}    """ {text} """\n',
        "declaration": head,
        "canonical_solution": body,
        "test": f"def check({name}):\n{tests}\ncheck({name})",
        "prompt_text": text,
        "prompt_text_chinese": chinese,
    }
    for number, (head, name, text, chinese, body, tests) in enumerate(
        (
            (
                "def add(a, b):\n",
                "add",
                "Sum of two numbers.",
                "两个数字的和。",
                "    return a + b\n",
                "    assert add(1, 2) == 3\n    assert add(-1, 1) == 0\n",
            ),
            (
                (
                    "from typing import List\n\n\ndef one():\n    return 1\n\n\n"
                    "def first(numbers: List[int], count: int):\n"
                ),
                "first",
                "The first numbers, without those below one.",
                "前几个不小于一的数字。",
                "    return [number for number in numbers[:count] if number >= one()]\n",
                "    assert first([2, 0, 1, 5], 3) == [2, one()]\n    assert first([], 1) == []\n",
            ),
        )
    )
]

HUMANEVAL_X_JS: list[dict[str, Any]] = [
    {
        "task_id": "JavaScript/0",
        "prompt": "/* Sum of two numbers. */\nconst add = (a, b) => {\n",
        "declaration": "\nconst add = (a, b) => {\n",
        "canonical_solution": "  return a + b\n}\n\n",
        "test": "const testAdd = () => {\n  console.assert(add(1, 2) === 3)\n"
        "  console.assert(add(-1, 1) === 0)\n}\n\ntestAdd()\n",
        "prompt_text": "Sum of two numbers.",
        "prompt_text_chinese": "两个数字的和。",
    },
    {
        "task_id": "JavaScript/1",
        "prompt": "const one = () => {\n  return 1\n}\n\n"
        "/* The numbers, each one larger. */\nconst larger = (numbers) => {\n",
        "declaration": "\nconst larger = (numbers) => {\n",
        "canonical_solution": "  return numbers.map(number => number + one())\n}\n",
        "test": "console.assert(JSON.stringify(larger([1, 2])) === JSON.stringify([1 + one(), 3]))\n",
        "prompt_text": "The numbers, each one larger.",
        "prompt_text_chinese": "每个数字加一。",
    },
]

HUMANEVAL_X_CPP: list[dict[str, Any]] = [
    {
        "task_id": "CPP/0",
        "prompt": "/*\nSum of two numbers.\n*/\n#include<stdio.h>\nusing namespace std;\nint add(int a,int b){\n",
        "declaration": "#include<stdio.h>\nusing namespace std;\n#include<stdlib.h>\nint add(int a,int b){\n",
        "canonical_solution": "    return a+b;\n}\n",
        "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n"
        "    assert (add(1,2)==3);\n    assert (add(-1,1)==0);\n}\n",
        "prompt_text": "Sum of two numbers.",
        "prompt_text_chinese": "两个数字的和。",
    },
    {
        "task_id": "CPP/1",
        "prompt": "/*\nEvery number twice as large.\n*/\n#include<vector>\nusing namespace std;\n"
        "vector<int> twice(vector<int> numbers){\n",
        "declaration": "#include<vector>\nusing namespace std;\nvector<int> twice(vector<int> numbers){\n",
        "canonical_solution": "    for (int& number : numbers) number*=2;\n    return numbers;\n}\n",
        "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (twice({1,2})==vector<int>({2,4}));\n}\n",
        "prompt_text": "Every number twice as large.",
        "prompt_text_chinese": "每个数字乘以二。",
    },
]

JAVA_HEAD = "import java.util.*;\nimport java.lang.*;\n\nclass Solution {{\n{doc}    public {head} {{\n"
JAVA_TEST = """public class Main {{
    public static void main(String[] args) {{
        Solution s = new Solution();
        List<Boolean> correct = Arrays.asList({checks});
        if (correct.contains(false)) {{
            throw new AssertionError();
        }}
    }}
}}
"""
HUMANEVAL_X_JAVA: list[dict[str, Any]] = [
    {
        "task_id": f"Java/{number}",
        "prompt": JAVA_HEAD.format(head=head, doc=f"    /**\n    {text}\n     */\n"),
        "declaration": JAVA_HEAD.format(head=head, doc=""),
        "canonical_solution": f"{body}    }}\n}}",
        "test": JAVA_TEST.format(checks=checks),
        "prompt_text": text,
        "prompt_text_chinese": chinese,
    }
    for number, (head, text, chinese, body, checks) in enumerate(
        (
            (
                "int add(int a, int b)",
                "Sum of two numbers.",
                "两个数字的和。",
                "        return a + b;\n",
                "s.add(1, 2) == 3, s.add(-1, 1) == 0",
            ),
            (
                "List<Integer> twice(List<Integer> numbers)",
                "Every number twice as large.",
                "每个数字乘以二。",
                (
                    "        List<Integer> found = new LinkedList<>();\n"
                    "        for (int number : numbers) found.add(2 * number);\n        return found;\n"
                ),
                "s.twice(Arrays.asList(1, 2)).equals(Arrays.asList(2, 4))",
            ),
        )
    )
]

HUMANEVAL_X_GO: list[dict[str, Any]] = [
    {
        "task_id": "Go/0",
        "prompt": 'import (\n    "strings"\n)\n\n// The text in capitals, some times.\n'
        "func Shout(text string, times int) string {\n",
        "import": 'import (\n    "strings"\n)\n',
        "declaration": "\nfunc Shout(text string, times int) string {\n",
        "canonical_solution": "    return strings.Repeat(strings.ToUpper(text), times)\n}\n",
        "test_setup": 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n',
        "test": "func TestShout(t *testing.T) {\n    assert := assert.New(t)\n"
        '    assert.Equal("AA", Shout("a", 2))\n    assert.Equal("", Shout("a", 0))\n}\n',
        "prompt_text": "The text in capitals, some times.",
        "prompt_text_chinese": "大写文本。",
    },
]

HUMANEVAL_X_RUST: list[dict[str, Any]] = [
    {
        "task_id": "Rust/0",
        "prompt": "use rand::Rng;\nfn add(a: i32, b: i32) -> i32{\n",
        "declaration": "use rand::Rng;\nfn add(a: i32, b: i32) -> i32{\n",
        "canonical_solution": "    a + b\n}\n",
        "test": "#[cfg(test)]\nmod tests {}\n",
    },
]

CODEFUSEEVAL: dict[str, list[dict[str, Any]]] = {
    "code_completion/humaneval_python": HUMANEVAL_X_PYTHON,
    "code_completion/humaneval_python_cn": [
        {**row, "prompt": row["prompt"].replace(row["prompt_text"], row["prompt_text_chinese"]).rstrip("\n")}
        for row in HUMANEVAL_X_PYTHON
    ],
    "code_completion/humaneval_js": HUMANEVAL_X_JS,
    "code_trans/codeTrans_java_to_python": [
        {
            "task_id": f"Python/{number}",
            "prompt": "class Plus {\n    public static int plus(int x) {\n{\n"
            "        return x + NUMBER;\n    }\n}".replace("NUMBER", str(number)),
            "canonical_solution": f"def plus(x):\r\n    return x + {number}",
            "test": f"assert plus(1)=={number + 1}\nassert plus(-1)=={number - 1}\n",
            "func_title": "def plus(x):\r",
            "desc_en": "Write a function to add.",
            "Difficulty": "mbpp",
        }
        for number in (2, 3)
    ],
    "nl2code/mbpp_x": [
        {
            "task_id": f"Python/{number}",
            "prompt": f"Write a function to add {number}.",
            "canonical_solution": f"def plus(x):\r\n    return x + {number}",
            "test_setup": "",
            "test": [f"assert plus({x}) == {x + number}" for x in range(3)],
            "challenge_test_list": [],
            "func_title": "def plus(x):\r",
            "prompt_text_chinese": "加法。",
        }
        for number in (12, 13)
    ],
}

DS1000_CONTEXT = """import pickle
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--test_case", type=int, default=1)
args = parser.parse_args()
numbers = pickle.load(open(f"input/input{args.test_case}.pkl", "rb"))
[insert]
with open('result/result_{}.pkl'.format(args.test_case), 'wb') as f:
    pickle.dump(result, f)
"""
DS1000_TEST = """import parser


def stringTest(code):
    return "while" not in parser.st2list(parser.suite(code))


def test(result, ans=None):
    try:
        assert result == ans
        return 1
    except:
        return 0
"""
DS1000: list[dict[str, Any]] = [
    {
        "task_id": f"ds1000_completion_Standard/{number}",
        "prompt": f"Problem:\n{text}\nA:\n<code>\nnumbers = [1, 2]\n</code>\nBEGIN SOLUTION\n<code>\n",
        "code_context": DS1000_CONTEXT,
        "canonical_solution": f"result = {solution}\n",
        "test": DS1000_TEST,
        "lib": "Standard",
        "io_complete": True,
    }
    for number, (text, solution) in enumerate(
        (("Sum them up.", "sum(numbers)"), ("Turn them around.", "numbers[::-1]")), 1
    )
]
DS1000_INPUTS: list[list[int]] = [[1, 2], [4, 5, 6]]


def ds1000_members() -> dict[str, bytes]:
    """Inputs and answers of `DS1000`, by path in the archive."""
    found = {}
    for number, answers in enumerate(([sum(it) for it in DS1000_INPUTS], [it[::-1] for it in DS1000_INPUTS]), 1):
        for case, (given, answer) in enumerate(zip(DS1000_INPUTS, answers, strict=True), 1):
            found[f"Standard/input_{number}/input{case}.pkl"] = pickle.dumps(given)
            found[f"Standard/ans_{number}/ans{case}.pkl"] = pickle.dumps(answer)
    return found


def write_ds1000(folder: Path, rows: Sequence[Mapping[str, Any]], content: Mapping[str, bytes]) -> Path:
    """A new folder with problems, their inputs and answers."""
    folder.mkdir()
    (folder / "ds1000_completion.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, data in content.items():
        path = folder / "ds1000_io" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
