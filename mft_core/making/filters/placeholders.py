"""Work that an answer leaves to its reader: "your code here", "TODO: implement", functions in which nothing is done."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from mft_core.evaluation.code_blocks import PYTHON, code_blocks
from mft_core.evaluation.python_parsing import parse
from mft_core.making.draft import Code

_WORK = r"(?:code|implementation|logic|solution)"
_HERE_CHINESE = (
    r"(?:在此处?|在这里|此处|这里|在這裡|此處)(?:编写|添加|填写|填入|实现|补充|写入|写上|写|插入|編寫|填寫|實現|補充)"
)
SAID_ANYWHERE = re.compile(
    "|".join(
        (
            rf"\byour (?:own |actual )?{_WORK} (?:goes |comes )?(?:here|below)\b",
            rf"\b(?:add|insert|put|write|place|fill in) (?:the |some |your )?(?:own |actual )?{_WORK} here\b",
            rf"\b{_WORK} goes here\b",
            r"\b(?:todo|fixme)\b *[:：-] *(?:implement|add|fill|write|complete|finish|replace|handle|your)",
            r"\b(?:todo|fixme) *[:：-] *(?:实现|完成|补充|添加|编写)",
            rf"{_HERE_CHINESE}(?:您|你)的",
            r"(?:您|你)的(?:代码|实现|逻辑)(?:写)?(?:在这里|在此|放这里)",
        )
    ),
    re.IGNORECASE,
)
SAID_IN_COMMENTS = re.compile(
    "|".join(
        (
            SAID_ANYWHERE.pattern,
            r"\b(?:rest|remainder) of (?:the |your )?(?:code|implementation|function|methods?|class)\b",
            rf"\b(?:existing|previous|other|remaining) (?:{_WORK}|methods)\b.{{0,12}}(?:\.\.\.|…)",
            rf"(?:\.\.\.|…) ?(?:existing|previous|other|remaining|more|your) (?:{_WORK}|methods)",
            r"\bimplement (?:this|me|the (?:function|method|logic)|your)\b",
            _HERE_CHINESE,
            r"(?:其余|其他|剩余|余下)的?(?:代码|实现|部分)(?:省略|略)",
            r"省略(?:了)?(?:其余|其他|部分|剩余)?的?(?:代码|实现)",
            r"待(?:实现|补充|完善)",
        )
    ),
    re.IGNORECASE,
)
COMMENT = re.compile(r"(?:#|//|--|/\*|<!--|^\s*\*)[^\n]*", re.MULTILINE)


def placeholder_in_comments(answer: str) -> re.Match[str] | None:
    """The first in a comment of a code block. In Python, what looks like a comment in a string is none."""
    found = (SAID_IN_COMMENTS.search(comment) for comment in _comments(answer))
    return next((match for match in found if match), None)


def unwritten(code: Code) -> list[str]:
    """Functions in which nothing is done, if the one that is asked for is among them, or half of all are; else none.

    Abstract methods and those of protocols do nothing by right. What does not parse has no functions.
    """
    try:
        tree = parse(code.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    functions = list(_functions(tree))
    empty = [function.name for function in functions if _does_nothing(function)]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = code.function or (defined[-1] if defined else "")
    return empty if asked in empty or 2 * len(empty) >= len(functions) else []


def _comments(text: str) -> Iterator[str]:
    for block in code_blocks(text):
        found = _python_comments(block.code) if block.language in PYTHON else None
        yield from [match[0] for match in COMMENT.finditer(block.code)] if found is None else found


def _python_comments(source: str) -> list[str] | None:
    """None: it is no Python."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Those that must do something, without the ones inside them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and _is_abstract(node):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not any(re.search("abstract|overload", ast.unparse(one)) for one in node.decorator_list):
                yield node
        else:
            yield from _functions(node)


def _is_abstract(node: ast.ClassDef) -> bool:
    bases = [ast.unparse(base) for base in (*node.bases, *(keyword.value for keyword in node.keywords))]
    return any(re.search(r"\b(?:ABC|ABCMeta|Protocol)\b", base) for base in bases)


def _does_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether there is but text, `pass`, `...` or `raise NotImplementedError` in it."""
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        or (isinstance(statement, ast.Raise) and "NotImplementedError" in ast.unparse(statement))
        for statement in function.body
    )
