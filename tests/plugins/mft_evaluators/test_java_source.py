"""What a Java answer is made into before it is compiled."""

from __future__ import annotations

import pytest

from mft_evaluators.languages.java import Java

FIELDS = {
    "prompt": "import java.util.*;\nclass Solution {\n    public int twice(int n) {\n",
    "declaration": "class Solution {\n    public int twice(int n) {\n",
    "canonical_solution": "        return 2 * n;\n    }\n}",
}
HEAD = "import java.util.*;\n"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("        return 2 * n;\n    }\n}", FIELDS["prompt"] + "        return 2 * n;\n    }\n}"),
        ("public class Solution { }", HEAD + "public class Solution { }"),
        ("    public int twice(int n) { return 2 * n; }", HEAD + "class Solution {\n{}\n}\n"),
        (
            "int k = 1;\n  static int twice(\n    int n) throws Exception\n{ return 2; }",
            HEAD + "class Solution {\n{}\n}\n",
        ),
        ("  private int half = twice(1) {", FIELDS["prompt"] + "{}"),
        ("  public int half(int n) { return twice(n); }", FIELDS["prompt"] + "{}"),
    ],
)
def test_a_completion_is_the_body_the_method_or_the_class(completion: str, program: str) -> None:
    assert Java().program(FIELDS, completion) == program.replace("{}", completion)


@pytest.mark.parametrize(
    "line", ["public\n", "public ", "public twice(\n", "\n", "public int twice(int n)\n", "static\n\n"]
)
def test_a_long_odd_completion_is_read_once(line: str) -> None:
    assert Java().program(FIELDS, line * 20_000) == FIELDS["prompt"] + line * 20_000
