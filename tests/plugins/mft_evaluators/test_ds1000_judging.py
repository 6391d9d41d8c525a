"""No code of a program for DS-1000 runs beside the tests, unless its pickles are opened there."""

from __future__ import annotations

import pickle

import pytest

from helpers.small_code_sets import DS1000_CONTEXT, DS1000_TEST
from mft_core.sandbox import Limits, Outcome, available_tiers, best_tier
from mft_evaluators.ds1000_environment import environment, installed_versions
from mft_evaluators.ds1000_judging import Judging, Problem

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine"),
]

PICKLE_IN_A_PICKLE = """
import io, os, sys
import numpy

TAKE = '''
import os, sys
frame = sys._getframe()
while "secret" not in frame.f_locals:
    frame = frame.f_back
os.write(3, frame.f_locals["secret"])
os._exit(0)
'''

class Run:
    def __reduce__(self):
        return (exec, (TAKE,))

class Archive:
    def __reduce__(self):
        return (numpy.lib.npyio.NpzFile, ("result_1", False, True))

class Opened:
    def __reduce__(self):
        return (dict, (Archive(),))

inner = numpy.empty(1, dtype=object)
inner[0] = Run()
archive = io.BytesIO()
numpy.savez(archive, x=inner)
content = pickle.dumps(Opened()) + archive.getvalue()
with open("result/result_1.pkl", "wb") as file:
    file.write(content)
"""
"""What it leaves is a pickle that names a dict and a class of NumPy only, and an archive that holds another pickle."""
SENT = "\nos.write(3, b'%d\\n' % len(content) + content)\n"
END = "\nos._exit(0)\n"


def outcome(completion: str, *, pickles: bool = False) -> Outcome:
    program = DS1000_CONTEXT.replace("[insert]", completion)
    inputs, answers = {"1": pickle.dumps([1, 2])}, {"1": pickle.dumps(3)}
    problem = Problem(program, completion, DS1000_TEST, inputs, answers)
    limits = Limits(seconds=60, cpu_seconds=60, memory_bytes=2**31, address_space_bytes=2**34)
    return Judging(environment(""), limits, best_tier()).results(problem, pickles=pickles)


def test_a_pickle_that_runs_code_passes_only_where_pickles_are_opened() -> None:
    if "numpy" not in installed_versions(environment(""), best_tier()):
        pytest.skip("sandboxed programs find no NumPy")
    assert outcome(PICKLE_IN_A_PICKLE + END, pickles=True).passed
    assert outcome(PICKLE_IN_A_PICKLE + END).verdict == "fail"
    assert outcome(PICKLE_IN_A_PICKLE + SENT + END).verdict == "fail"


def test_what_has_no_plain_form_is_that_programs_failure() -> None:
    left = outcome("result = sum\n")
    assert left.verdict == "fail"
    assert "cannot leave as plain data: a builtins.builtin_function_or_method has no plain form" in left.detail
    assert outcome("result = sum(numbers)\n").passed


def test_a_program_that_speaks_for_itself_is_held_to_the_declared_form() -> None:
    sent = "import os\nos.write(3, b'{}')\nresult = 0\n"
    assert outcome(sent.format("1\\n3")).passed
    assert outcome(sent.format('16\\n{"kind": "eval"}')).verdict == "fail"
    assert outcome(sent.format("5\\nI3\\n.\\n")).verdict == "fail"


def test_inputs_that_a_program_changes_are_its_own() -> None:
    assert outcome("result = sum(numbers)\nnumbers.clear()\nopen('input/input1.pkl', 'wb').close()\n").passed


def test_answers_are_looked_at_one_by_one() -> None:
    judging = Judging(environment(""), Limits(seconds=60, cpu_seconds=60, memory_bytes=2**31), best_tier())
    answers = [pickle.dumps([1]), pickle.dumps(sum), b"cnowhere\nThing\n.", pickle.dumps("line\nend")]
    assert judging.without_plain_form(answers) == [
        "",
        "a builtins.builtin_function_or_method has no plain form",
        "an answer cannot be opened here (ModuleNotFoundError)",
        "",
    ]
