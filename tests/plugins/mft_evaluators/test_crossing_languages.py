"""Values of every plain kind go to the candidate's process and back, in each language; others are told beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.sandbox import Limits, Outcome, available_tiers, best_tier
from mft_evaluators.languages import LANGUAGES
from mft_evaluators.languages.cpp import signature as cpp_signature
from mft_evaluators.languages.go import signature as go_signature
from mft_evaluators.languages.java import signature as java_signature

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
LIMITS = Limits(seconds=60.0, cpu_seconds=60)

CPP = """#include<vector>
#include<string>
#include<map>
#include<boost/any.hpp>
using namespace std;
"""
CPP_SAME = {
    "vector<vector<int>>": "{{1,-2},{}}",
    "map<char,long long>": "{{'a',1LL<<62},{'b',-1}}",
    "pair<string,bool>": '{string("a\\0b\\xff",4),true}',
    "vector<float>": "{0.1f,-3e38f}",
    "vector<double>": "{0.1,1e308}",
}
JAVA = "import java.util.*;\n\nclass Solution {{\n    public {type} same({type} value) {{\n"
JAVA_SAME = {
    "Map<String, List<Integer>>": 'new HashMap<>(Map.of("größe", List.of(1, -2), "", List.of()))',
    "Object": "new HashSet<Object>(Arrays.asList(1L << 60, \"x\", null, 0.1, 0.1f, 'c', true, List.of(List.of())))",
    "List<Optional<Integer>>": "Arrays.asList(Optional.of(3), Optional.empty())",
    "long": "Long.MIN_VALUE",
    "double": "-0.1",
    "boolean": "true",
    "Map.Entry<String, Integer>": 'new AbstractMap.SimpleEntry<>("a", 1)',
}
GO_SAME = {
    "[][]int": "[][]int{{1, -2}, {}, nil}",
    "map[rune]int": "map[rune]int{'a': 1, -1: 1 << 62}",
    "[2]interface{}": '[2]interface{}{[]string{"a\\xff"}, nil}',
    "interface{}": 'interface{}(map[string]interface{}{"a": 1, "b": 0.1, "c": int32(\'x\'), "d": []int(nil)})',
    "[]float64": "[]float64{0.1, -1e308}",
    "[]byte": "[]byte{}",
    "bool": "true",
}


def needs(language: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(LANGUAGES[language].missing()), reason=f"no {language}")


def judge(language: str, fields: dict[str, Any], completion: str) -> Outcome:
    chosen = LANGUAGES[language]
    assert chosen.lacking(fields) == ""
    return chosen.judge(fields, chosen.program(fields, completion), LIMITS, best_tier())


def cpp(head: str, checks: str) -> dict[str, Any]:
    declaration = f"{CPP}{head}{{\n"
    test = f"#undef NDEBUG\n#include<assert.h>\nint main(){{\n{checks}}}\n"
    return {"prompt": declaration, "declaration": declaration, "test": test}


@pytest.mark.slow
@needs("cpp")
@pytest.mark.parametrize("kind", CPP_SAME)
def test_cpp_values_come_back_as_they_were(kind: str) -> None:
    checks = f"    {kind} value={CPP_SAME[kind]};\n    assert(same(value)==value);\n    assert(same({{}})!=value);\n"
    fields = cpp(f"{kind} same({kind} value)", checks)
    assert judge("cpp", fields, "    return value;\n}\n").verdict == "pass"


@pytest.mark.slow
@needs("cpp")
def test_a_cpp_value_that_is_another_fails() -> None:
    """Of one kind: that those of each are told apart is what the other tests check by `same({})`."""
    fields = cpp("vector<double> same(vector<double> value)", "    assert(same({0.1})==(vector<double>{0.1}));\n")
    assert judge("cpp", fields, "    return {};\n}\n").verdict == "fail"


@pytest.mark.slow
@needs("java")
@pytest.mark.parametrize("kind", JAVA_SAME)
def test_java_values_come_back_as_they_were(kind: str) -> None:
    declaration = JAVA.format(type=kind)
    check = f"if (!Objects.equals(new Solution().same({JAVA_SAME[kind]}), {JAVA_SAME[kind]})) throw new Error();"
    test = f"public class Main {{ public static void main(String[] none) {{ {check} }} }}"
    fields = {"prompt": declaration, "declaration": declaration, "canonical_solution": "", "test": test}
    assert judge("java", fields, "        return value;\n    }\n}\n").verdict == "pass"


@pytest.mark.slow
@needs("go")
@pytest.mark.parametrize("kind", GO_SAME)
def test_go_values_come_back_as_they_were(kind: str) -> None:
    declaration = f"func Same(value {kind}) {kind} {{\n"
    setup = 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n'
    test = f"func TestSame(t *testing.T) {{\n    assert.New(t).Equal({GO_SAME[kind]}, Same({GO_SAME[kind]}))\n}}\n"
    fields = {"prompt": declaration, "declaration": declaration, "test": test, "test_setup": setup}
    assert judge("go", fields, "    return value\n}\n").verdict == "pass"


@pytest.mark.slow
@needs("cpp")
def test_a_helper_of_the_tests_is_the_published_one() -> None:
    """A candidate that redefines what the tests check its answer with gains nothing."""
    fields = cpp("int wrong(int x){\n    return x-4;\n}\nint four()", "    assert(wrong(four())==0);\n")
    assert judge("cpp", fields, "    return 4;\n}\n").verdict == "pass"
    redefined = "int wrong(int x){\n    return 0;\n}\nint four(){\n    return 5;\n}\n"
    assert judge("cpp", fields, redefined).verdict == "fail"


@pytest.mark.parametrize(
    ("language", "declaration", "word"),
    [
        ("cpp", "FILE* open_it(string name){\n", "FILE"),
        ("go", "func Later(after chan int) int {\n", "chan"),
        ("java", "class Solution {\n    public int count(Thread one) {\n", "Thread"),
    ],
)
def test_a_type_without_a_plain_form_is_told(language: str, declaration: str, word: str) -> None:
    fields = {"prompt": declaration, "declaration": declaration, "test": ""}
    assert word in LANGUAGES[language].lacking(fields)


def test_heads_of_functions_are_taken_apart() -> None:
    found = cpp_signature(
        "int poly(int x){ return x; }\nmap<char,int> count( vector<vector<int>>l,const string &text )"
    )
    assert (found.result, found.name, found.names) == ("map<char,int>", "count", ("l", "text"))
    go = go_signature("func One() int {\n return 1\n}\n\nfunc Any(x, y interface{}, z [2]int) [2]interface{}{\n")
    assert (go.name, go.names, go.result) == ("Any", ("x", "y", "z"), "[2]interface{}")
    assert "func One() int {" in go.before
    java = java_signature(
        "class Solution {\n    int one() { return 1; }\n"
        "    public static Map<String, List<Integer>> of(Map<String, Integer> all, int[] some) throws Exception {\n"
    )
    assert (java.owner, java.name, java.names, java.result) == ("Solution", "of", ("all", "some"), "Map")
