"""A chat template rewritten so that one pass shows every beginning of a conversation.

Most templates are a loop over the messages with something before and something behind it. What such a loop shows of a
message depends on that message, its neighbours, and on whether it is the last. The rewritten template writes both for
each message: what is shown of it where others follow, and where it is the last, with what stands behind the loop.
`prefix_rendering` watches that nothing else is looked at; what cannot be rewritten so is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from jinja2 import Environment, Template

PREFIX = "_mft_"
"""Of the names of what the rewritten template calls: `start`, `iterated`, `mark`, `watch` and `cut`."""
ASKED = "add_generation_prompt"
SAME_IN_ALL = frozenset({"index", "index0", "first", "previtem", "last", "nextitem", "depth", "depth0"})
"""Of `loop`: what does not change with messages that come later, but for whether there are any."""
UNKNOWN = (nodes.Extends, nodes.Block, nodes.Include, nodes.Import, nodes.FromImport, nodes.Break, nodes.Continue)


class NotALoopError(Exception):
    """The template is no loop over messages that could be followed."""


class PrefixTemplate(NamedTuple):
    """Attributes:
    start: what stands before the loop, and `start` and `iterated` called there.
    every: all of it, with marks (`prefix_rendering.MARK`) between the parts.
    asks: what stands before the loop may depend on whether an answer is asked for.
    """

    start: Template
    every: Template
    asks: bool


def prefix_template(source: str, environment: Environment) -> PrefixTemplate | None:
    """The rewritten template; None where it is none that can be rewritten."""
    try:
        return _rewritten(source, environment)
    except NotALoopError:
        return None


def _rewritten(source: str, environment: Environment) -> PrefixTemplate:
    first, second, third, fourth = (_Parts.of(environment.parse(source).body) for _ in range(4))
    last, body = _AsLast(), nodes.Template(first.loop.body)
    macros = _macros(first, environment)
    assigned = _names([*first.before, body], "store")
    targets = _names([first.loop.target], "store")
    reading = _names([body, *first.behind], "load") - targets - {"loop", ASKED} - macros
    reading -= set(environment.globals) - assigned
    if _names(first.behind, "load") & (targets | _names([body], "store") | {"loop"}):
        raise NotALoopError("what stands behind the loop reads what the loop has left")
    if ASKED in _names([body], "load"):
        raise NotALoopError("what it shows of a message depends on whether an answer is asked for")
    outer = sorted(reading)
    started = [_shown("start", *map(_name, [*outer, ASKED])), _shown("iterated", _iterable(first.loop))]
    in_last = [last.visit(node) for node in second.loop.body]
    index0, index = (nodes.Getattr(_name("loop"), attribute, "load") for attribute in ("index0", "index"))
    as_last = nodes.Scope([
        *(_set(name, _call("cut", _name(name), index)) for name in outer),
        *in_last,
        *_behind(second.behind, outer, index, False),
        *_behind(third.behind, outer, index, True),
        _shown("mark", index0),
    ])  # fmt: skip
    followed = nodes.Scope([*(_set(name, _call("watch", _name(name))) for name in outer), *third.loop.body])
    is_last = nodes.Getattr(_name("loop"), "last", "load")
    loop = nodes.For(
        third.loop.target,
        third.loop.iter,
        [_shown("mark", index0), as_last, nodes.If(is_last, [], [], [followed])],
        [], None, False,
    )  # fmt: skip
    also = [_shown("start", *map(_name, [*outer, ASKED])), _shown("iterated", _iterable(second.loop))]
    templates = [nodes.Template([*first.before, *started]), nodes.Template([*fourth.before, *also, loop])]
    for template in templates:
        template.set_environment(environment).set_lineno(1)
    start, every = (environment.from_string(template) for template in templates)
    return PrefixTemplate(start, every, ASKED in _names(first.before, "load"))


class _Parts(NamedTuple):
    before: Sequence[nodes.Node]
    loop: nodes.For
    behind: Sequence[nodes.Node]

    @classmethod
    def of(cls, body: Sequence[nodes.Node]) -> _Parts:
        loops = [number for number, node in enumerate(body) if isinstance(node, nodes.For)]
        if not loops:
            raise NotALoopError("there is no loop")
        place = max(loops, key=lambda number: sum(1 for _ in body[number].find_all(nodes.Node)))
        loop = body[place]
        assert isinstance(loop, nodes.For)
        if loop.else_ or loop.test or loop.recursive or any(True for node in body for _ in node.find_all(UNKNOWN)):
            raise NotALoopError("the loop is none over all messages")
        return cls(body[:place], loop, body[place + 1 :])


class _AsLast(NodeTransformer):
    """The body of a loop as it is carried out for the last item."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        """A loop within it has a `loop` of its own."""
        node.iter = self.visit(node.iter)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        """`loop.last`."""
        return self._of_loop(node, node.attr) if _is_loop(node.node) else self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        """`loop['last']`."""
        if _is_loop(node.node):
            return self._of_loop(node, node.arg.value if isinstance(node.arg, nodes.Const) else None)
        return self.generic_visit(node)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802
        """`loop` itself, which could be given to a filter."""
        if _is_loop(node):
            raise NotALoopError("the loop is given away")
        return node

    def _of_loop(self, node: nodes.Node, attribute: str | None) -> nodes.Node:
        if attribute not in SAME_IN_ALL:
            raise NotALoopError(f"loop.{attribute}")
        if attribute == "last":
            return nodes.Const(True)
        return _name(f"{PREFIX}nothing") if attribute == "nextitem" else node


def _behind(behind: Sequence[nodes.Node], outer: Sequence[str], index: nodes.Expr, asked: bool) -> list[nodes.Node]:
    """A mark and what stands behind the loop."""
    cut = [_set(name, _call("cut", _name(name), index)) for name in outer]
    return [
        _shown("mark", nodes.Getattr(_name("loop"), "index0", "load")),
        nodes.Scope([_set(ASKED, nodes.Const(asked)), *cut, *behind]),
    ]


def _macros(parts: _Parts, environment: Environment) -> set[str]:
    """The names of the macros, none of which may see the messages but by its arguments."""
    every = nodes.Template([*parts.before, parts.loop, *parts.behind])
    macros = list(every.find_all(nodes.Macro))
    names = {macro.name for macro in macros}
    fixed = _names([every], "store") | {"messages", ASKED}
    for macro in macros:
        own = _names(macro.args, "param") | _names(macro.body, "store") | {"loop", "caller", "varargs", "kwargs"}
        if _names(macro.body, "load") & fixed - own - names - set(environment.globals):
            raise NotALoopError(f"the macro {macro.name} reads what is not given to it")
    return names


def _names(found: Iterable[nodes.Node], context: str) -> set[str]:
    """Names that are read ("load") or set ("store"); who sets a part of a namespace reads it."""
    together = nodes.Template(list(found))
    names = {node.name for node in together.find_all(nodes.Name) if node.ctx == context}
    return names | {node.name for node in together.find_all(nodes.NSRef)} if context == "load" else names


def _iterable(loop: nodes.For) -> nodes.Expr:
    """What it goes over, which jinja declares as any node."""
    assert isinstance(loop.iter, nodes.Expr)
    return loop.iter


def _is_loop(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "loop"


def _name(name: str, context: str = "load") -> nodes.Name:
    return nodes.Name(name, context)


def _set(name: str, value: nodes.Expr) -> nodes.Assign:
    return nodes.Assign(_name(name, "store"), value)


def _call(name: str, *arguments: nodes.Expr) -> nodes.Call:
    return nodes.Call(_name(PREFIX + name), list(arguments), [], None, None)


def _shown(name: str, *arguments: nodes.Expr) -> nodes.Output:
    return nodes.Output([_call(name, *arguments)])
