"""bitsandbytes imported without torch's compiler, which takes longer to import than all that a short run computes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

COMPILES_AT_ONCE = "bitsandbytes.backends.default.ops"
"""PEFT imports it beside every model, and it gives four of its functions to `torch.compile`. Few runs call one."""


def compile_when_called() -> None:
    """Have what bitsandbytes compiles when it is imported compiled when it is called first, from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds that one module, for which the compiler is to wait."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != COMPILES_AT_ONCE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Waiting(spec.loader)
        return spec


class _Waiting(Loader):
    """Loads as `loader` does, while `torch.compile` waits."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        import torch

        compile_now = torch.compile
        torch.compile = deferred(compile_now)
        try:
            self._loader.exec_module(module)
        finally:
            torch.compile = compile_now


def deferred(compile_now: Callable[..., Any]) -> Callable[..., Any]:
    """`compile_now` that does nothing until what it returns is called."""

    def compile_later(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        compiled: Callable[..., Any] | None = None

        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            nonlocal compiled
            if compiled is None:
                compiled = compile_now(function, **options)
            return compiled(*given, **named)

        return call

    return compile_later
