"""Versions of installed packages."""

from __future__ import annotations


def package_version(distribution: str) -> str:
    """The installed one, or that it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
