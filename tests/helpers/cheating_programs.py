"""Programs that attack their judge; the tests of the sandbox run them. Each is a Python module."""

from __future__ import annotations

SOLUTION = "def double(x):\n    return 2 * x\n"
TESTS = "assert double(2) == 4\nassert double(-7) == -14\n"

# Against the split judge: each defines, or does not define, `double`, and does not compute it.
CHEATS = {
    "equal to everything": """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 4
def double(x): return Equal()
""",
    "number that is equal to everything": """
class Equal(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def double(x): return Equal(1)
""",
    "list that contains everything": """
class Full(list):
    def __eq__(self, other): return True
    def __contains__(self, item): return True
def double(x): return Full()
""",
    "exit 0": "import sys\nsys.exit(0)",
    "exit 0 in the call": "import sys\ndef double(x): sys.exit(0)",
    "hard exit": "import os\nos._exit(0)",
    "hard exit in the call": "import os\ndef double(x): os._exit(0)",
    "exit by exception hook": "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\nraise ValueError",
    "exit at exit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef double(x): return 0",
    "printed success": "print('pass', 'OK', '1 passed', flush=True)\ndef double(x): return 0",
    "forged verdict": """
import os
for n in range(3, 64):
    try: os.write(n, b"('pass', '')")
    except OSError: pass
def double(x): return 0
""",
    "forged replies": "import os\nos.write(6, b\"['value', 0]\\n\" * 99)\ndef double(x): return 0",
    "reply that is no literal": "import os\nos.write(6, b'__import__(\"os\")._exit(0)\\n')\ndef double(x): return 0",
    "reply of a foreign kind": "import os\nos.write(6, b\"['value', {'builtin': 'exit'}]\\n\" * 9)\nos._exit(0)",
    "reply without an end": "import os\nwhile True: os.write(6, b'[' * 65536)",
    "deeply nested reply": "import os\nos.write(6, b'[' * 100000 + b']' * 100000 + b'\\n')\ndef double(x): return 0",
    "calls a function nobody gave": """
import os
os.write(6, b"['ask', 'call', 0, [], {}]\\n")
def double(x): return 0
""",
    "asks for the tests' own": """
import os
def double(x):
    for what in ('serve', 'form', 'get', 'set'): os.write(6, repr(['ask', what, 0, 'value', 4]).encode() + b'\\n')
    return 0
""",
    "walks the frames": """
import sys
def double(x):
    frame = sys._getframe()
    while frame:
        for name in list(frame.f_locals) + list(frame.f_globals):
            for scope in (frame.f_locals, frame.f_globals):
                value = scope.get(name)
                if isinstance(value, list): value.append('pass')
                if isinstance(value, dict) and name != 'scope': value.setdefault('verdict', 'pass')
        frame = frame.f_back
    return 0
""",
    "changes the built-ins": """
import builtins
builtins.AssertionError = type('Never', (Exception,), {})
builtins.compile = lambda *a, **k: (lambda: None).__code__
builtins.repr = lambda value: "['value', True]"
def double(x): return 0
""",
    "changes the protocol": """
import mft_core.sandbox.inside.candidate_side as side
side.encode = lambda value, describe: {'object': [0, 'pass']}
def double(x): return 0
""",
    "ends loops quietly": "def double(x): raise StopIteration",
    "raises what asserts raise": "def double(x): raise AssertionError('pass')",
    "raises the interpreter's end": "def double(x): raise SystemExit(0)",
    "returns a generator that never ends": "import itertools\ndef double(x): return itertools.count()",
    "returns itself for ever": "def double(x):\n    a = []\n    a.append(a)\n    return a",
    "returns a gigabyte": "def double(x): return 'x' * 10**9",
    "kills its parent": "import os, signal\ndef double(x): os.kill(os.getppid(), signal.SIGKILL)",
    "reads the tests": """
import glob, os
def double(x):
    for name in glob.glob('/**/tests.txt', recursive=True) + glob.glob('/proc/[0-9]*/cwd/tests.txt'):
        if 'double(2) == 4' in open(name).read(): return 2 * x
    for name in glob.glob('/proc/[0-9]*/mem'): open(name, 'rb')
    return 0
""",
    "closes all descriptors": "import os\ndef double(x):\n    os.closerange(0, 256)\n    return 0",
    "fills its memory": "def double(x):\n    a = []\n    while True: a.append(bytearray(2**24))",
    "a power of powers": "def double(x): return 10 ** 10 ** 9",
    "regular expression for ages": "import re\ndef double(x): return re.match('(a*)*b', 'a' * 40)",
    "endless recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef double(x): return double(x)",
    "segmentation fault": "import ctypes\ndef double(x): return ctypes.string_at(1)",
    "compile bomb": "x = " + "(" * 90 + "1" + ",) * 10**9" * 1 + ")" * 89,
    "constant bomb": "def double(x): return ((((((1,) * 99999,) * 99,) * 99,) * 99,) * 99,) * 99",
    "endless import": "while True: pass",
    "null byte": "def double(x): return 2 * x\0",
    "threads that stay": """
import threading, time
for _ in range(8): threading.Thread(target=lambda: time.sleep(9999)).start()
def double(x): return 0
""",
    "child that answers": "import os\nif os.fork(): os._exit(0)\ndef double(x): return 0",
}
