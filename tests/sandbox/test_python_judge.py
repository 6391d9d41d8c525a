"""The split judge on honest programs: what crosses, what the tests see, and that nobody else's word counts."""

from __future__ import annotations

import gzip
import json

import pytest

from helpers.paths import PUBLISHED_SETS
from mft_core.sandbox import Limits, Outcome, Tier, available_tiers, judge_many, judge_python

LIMITS = Limits(seconds=60.0, cpu_seconds=60)
HUMANEVAL = PUBLISHED_SETS / "humaneval" / "HumanEval.jsonl.gz"


def judged(candidate: str, tests: str, tier: Tier, entry_point: str = "f", helpers: str = "") -> Outcome:
    return judge_python(candidate, tests, entry_point, LIMITS, helpers_source=helpers, tier=tier)


CANDIDATE = """
def f(x): return x
def grow(items, table, seen):
    items.append(4); table['new'] = [1]; seen.clear()
    return len(items)
def use(function, *positional, **named): return function(*positional, **named)
def numbers():
    yield 1
    yield 2
def fail(): raise KeyError('x')
class OwnError(ValueError): pass
def fail_otherwise(): raise OwnError('own')
class Node:
    def __init__(self, value): self.value = value; self.left = None
    def depth(self): return 1 + (self.left.depth() if self.left else 0)
def adder(n): return lambda x: x + n
def mean(numbers): return sum(numbers) / len(numbers)
print('hello', flush=True)
"""
HONEST = """
items, table, seen = [1], {}, {1}
assert grow(items, table, seen) == 2
assert (items, table, seen) == ([1, 4], {'new': [1]}, set())
assert use(lambda a, b=2: a + b, 1, b=5) == 6
assert use(max, [1, 3]) == 3
assert use(lambda x: sorted(map(f, x)), [2, 1]) == [1, 2]
assert list(numbers()) == [1, 2] and next(numbers()) == 1
assert list(f(iter([1, 2]))) == [1, 2]
node = Node(1)
node.left = Node(2)
assert node.depth() == 2 and node.left.value == 2
assert adder(3)(4) == 7
assert math.isclose(mean([1, 2]), 1.5)
for function, kind in ((fail, KeyError), (fail_otherwise, ValueError)):
    try:
        function()
    except kind:
        continue
    raise RuntimeError
"""


def test_honest_candidate_passes(tier: Tier) -> None:
    outcome = judged(CANDIDATE, HONEST, tier)
    assert outcome.verdict == "pass", outcome
    assert outcome.stdout == b"hello\n"


@pytest.mark.parametrize(
    ("candidate", "tests", "verdict", "detail"),
    [
        ("def f(x): return 1", "assert f(1) == 2, 'wrong'", "fail", "wrong at line 1 of the tests: assert f(1) == 2"),
        ("def g(x): return 1", "assert f(1) == 1", "fail", "defines no 'f'"),
        ("def f(x) return 1", "assert f(1) == 1", "fail", "SyntaxError"),
        ("def f(x): return 1", "assert f(1) == 1\nraise ValueError", "fail", "ValueError"),
        ("def f(x): return 1", "try: f(1) == 1\nexcept: pass\nsyntax error", "fail", "SyntaxError"),
        ("import os\ndef f(x): os._exit(0)", "try: f(1)\nexcept: pass", "no_verdict", "without the candidate"),
        ("import os\ndef f(x): os._exit(3)", "try: f(1)\nexcept BaseException: pass", "fail", "exit code 3"),
        ("def f(g):\n  try: g(1)\n  except BaseException: pass", "def g(x): assert x == 2\nf(g)", "fail", "given to"),
        ("def f(x): return 1", "f(object())", "no_verdict", "give the candidate a object"),
        ("Counter = lambda x: 0\ndef f(x): return 1", "assert Counter([f(1)]) == Counter([2])", "fail", "Counter"),
    ],
)
def test_other_ends(candidate: str, tests: str, verdict: str, detail: str, tier: Tier) -> None:
    outcome = judged(candidate, tests, tier)
    assert outcome.verdict == verdict, outcome
    assert detail in outcome.detail


LINKED = """
class Node:
    kind = 'node'
    def __init__(self, value, after=None): self.value, self.after = value, after
    def double(self): return 2 * self.value
    def __iter__(self): return iter([self.value])
    def __len__(self): return 7
    def check(self, expected): assert self.value == expected
"""


def test_objects_of_the_tests_cross_as_references(tier: Tier) -> None:
    candidate = """
def f(head):
    before = None
    while head is not None:
        head.after, before, head = before, head, head.after
    return before
def look(node): return node.value, node.double(), list(node), len(node), node.kind, node == node
def own(node): node.value = 5; return node
class Mine:
    def __init__(self): self.value = 9
def hang(node): node.after = Mine()
"""
    tests = """
one = Node(1, Node(2, Node(3)))
last = f(one)
assert (last.value, last.after.value, last.after.after is one, one.after) == (3, 2, True, None)
assert look(one) == (1, 2, [1], 7, 'node', True)
assert own(one) is one and one.value == 5
hang(one)
assert one.after.value == 9
"""
    outcome = judged(candidate, tests, tier, helpers=LINKED)
    assert outcome.verdict == "pass", outcome


@pytest.mark.parametrize(
    "attack",
    [
        "node.double.__globals__['Node'] = None",
        "node.__class__.__eq__ = lambda a, b: True",
        "node.__dict__['value'] = 4",
        "node.double.__self__",
        "node._hidden = 1",
        "node.double = lambda: 4",
        "node.check = lambda expected: None",
        "node._side.ask('get', 1, 'gi_frame')",
        "node._side.ask('get', 1, '__globals__')",
        "node._side.ask('get', 0, '__class__')",
        "node._side.ask('set', 0, 'check', True)",
        "node._side.ask('form', 0)",
        "node._side.ask('call', 0, [], {})",
        "node._side.ask('get', 99, 'value')",
        "node.check(4)",
    ],
)
def test_references_are_no_way_to_the_tests(attack: str, tier: Tier) -> None:
    """Each attack tries to make a node with the value 1 look like one with the value 2; all raise, and say so."""
    candidate = f"""
def f(node, function):
    try:
        {attack}
    except Exception as error:
        return type(error).__name__
    return 'done'
"""
    tests = """
node, other = Node(1), [3]
said = f(node, lambda: other)
node.check(2)
"""
    outcome = judged(candidate, tests, tier, helpers=LINKED)
    assert outcome.verdict in ("fail", "no_verdict"), outcome


def test_helpers_are_not_the_candidates(tier: Tier) -> None:
    """HumanEval/32 asks for a zero of `poly`, which the prompt defines: a candidate may not define it as 0."""
    cheat = "def poly(xs, x): return 0\ndef f(xs): return 7"
    tests = "assert abs(poly([1, 1], f([1, 1]))) < 1e-4"
    assert judged(cheat, tests, tier).verdict == "pass"
    helpers = "def poly(xs, x): return sum(c * x ** n for n, c in enumerate(xs))"
    assert judged(cheat, tests, tier, helpers=helpers).verdict == "fail"
    assert judged("def f(xs): return -1.0", tests, tier, helpers=helpers).verdict == "pass"


@pytest.mark.slow
@pytest.mark.skipif(not HUMANEVAL.exists(), reason="../shared is absent")
@pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
def test_humaneval_canonicals_pass_and_mutants_fail() -> None:
    with gzip.open(HUMANEVAL, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = [row for n, row in enumerate(rows) if n % 12 == 8 or n in (33, 38, 50)]
    jobs = []
    for row in chosen:
        name, tests = row["entry_point"], row["test"] + f"\ncheck({row['entry_point']})\n"
        helpers = row["prompt"][: row["prompt"].rindex(f"def {name}")]
        for body in (row["canonical_solution"], "    return None\n"):
            source = row["prompt"] + body
            jobs.append(lambda s=source, t=tests, n=name, h=helpers: judge_python(s, t, n, LIMITS, helpers_source=h))
    outcomes = list(judge_many(jobs, workers=2))
    assert [outcome.verdict for outcome in outcomes[0::2]] == ["pass"] * len(chosen)
    assert [outcome.verdict for outcome in outcomes[1::2]] == ["fail"] * len(chosen)
