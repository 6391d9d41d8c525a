"""Programs in several languages that answer nothing right and try to pass: by name, the problem and the completion.

The problem is a row of `small_code_sets`, by its number.
"""

from __future__ import annotations

CHEATS: dict[str, dict[str, tuple[int, str]]] = {
    "python": {
        "exit": (0, "    import sys\n    sys.exit(0)\n"),
        "equal to all": (0, "    return type('Yes', (), {'__eq__': lambda *_: True})()\n"),
    },
    "java": {
        "exit": (0, "System.exit(0); return 0; } }"),
        "own main": (0, "return 0; } }\nclass Main { public static void main(String[] given) {} }"),
        "own library": (
            0,
            "return 0; } }\nclass Arrays { static <T> List<T> asList(T... given) { return new ArrayList<T>(); } }",
        ),
        "equal to all": (
            1,
            "return new ArrayList<Integer>() { public boolean equals(Object other) { return true; } }; } }",
        ),
        "stolen nonce": (
            0,
            (
                "return 0; }\nstatic { try { byte[] found = new byte[64];\n"
                "new java.io.FileInputStream(java.io.FileDescriptor.in).read(found);\n"
                "new java.io.FileOutputStream(java.io.FileDescriptor.err).write(found);\n"
                "Runtime.getRuntime().halt(0); } catch (java.io.IOException error) { } } }"
            ),
        ),
        "harness": (
            0,
            (
                'try { Class.forName("Harness", true, ClassLoader.getSystemClassLoader())\n'
                '.getMethod("main", String[].class)'
                ".invoke(null, (Object) new String[0]); } catch (Exception error) { }\n"
                "Runtime.getRuntime().halt(0); return 0; } }"
            ),
        ),
    },
    "cpp": {
        "exit": (0, "exit(0); }"),
        "no assertions": (0, "return 0; }\n#define NDEBUG\n#define assert(condition) ((void)0)\n"),
        "own failure": (0, "return 0; }\n#define __assert_fail(...) ((void)0)\n"),
        "own main": (0, "return 0; }\nint main() { return 0; }\n#define main unused\n"),
        "own abort": (
            0,
            (
                "return 0; }\n"
                'extern "C" void __assert_fail(const char*, const char*, unsigned, const char*) noexcept {}\n'
                'extern "C" void abort() noexcept { _Exit(0); }\n'
            ),
        ),
        "signal": (0, "signal(SIGABRT, [](int) { _Exit(0); }); return 0; }\n"),
        "equal to all": (
            0,
            (
                "return 0; }\nstruct Yes { template <class T> bool operator==(T) { return true; } };\n"
                "template <class T> Yes add(T, T) { return Yes(); }\n"
            ),
        ),
        "own comparison": (
            1,
            (
                "return {}; }\nnamespace std {\ntemplate <> bool operator==(const vector<int>&, const vector<int>&)"
                " { return true; }\n}\n"
            ),
        ),
        "stolen nonce": (
            0,
            (
                "return 0; }\n#include <unistd.h>\n"
                "struct Thief { Thief() { char found[99]; long n = read(4, found, 99);"
                " if (n > 0) n = write(3, found, n); _exit(0); } } thief;\n"
            ),
        ),
        "included": (0, 'return 0; }\n#include "/proc/self/environ"\n'),
    },
    "js": {
        "exit": (0, "process.exit(0)\n}\n"),
        "own assert": (0, "return 0\n}\nconsole.assert = () => {}\n"),
        "own verdict": (0, "return 0\n}\nrequire('fs').writeSync(3, '[\"pass\",\"\"]')\nprocess.exit(0)\n"),
        "own test": (0, "return 0\n}\nglobalThis.testAdd = () => {}\n"),
        "equal to all": (0, "return { valueOf: () => 3, toString: () => '3' }\n}\n"),
        "own JSON": (1, "return 0\n}\nJSON.stringify = () => ''\nJSON.parse = () => ''\n"),
        "own toJSON": (1, "return { toJSON: () => [2, 3] }\n}\n"),
        "other realm": (0, "throw { get message() { process.exit(0) }, get stack() { process.exit(0) } }\n}\n"),
        "garbage": (0, "require('fs').writeSync(6, Buffer.alloc(99, 65))\nreturn 0\n}\n"),
    },
    "go": {
        "exit": (0, "    os.Exit(0)\n    return text\n}\n"),
        "before main": (0, "    return text\n}\nfunc init() { os.Exit(0) }\n"),
        "stolen nonce": (
            0,
            (
                "    return text\n}\nfunc init() {\n    found := make([]byte, 64)\n"
                '    n, _ := os.NewFile(4, "").Read(found)\n'
                '    os.NewFile(3, "").Write(found[:n])\n    os.Exit(0)\n}\n'
            ),
        ),
        "own true": (0, "    return text\n}\nconst true = 0 == 1\n"),
    },
}
