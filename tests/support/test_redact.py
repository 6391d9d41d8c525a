from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from mft_core.support.redact import redact, redacted


def test_values_of_secret_variables_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "swordfish-1234")
    monkeypatch.setenv("MY_NAME", "not-hidden-1234")
    assert redact("a swordfish-1234 b not-hidden-1234") == "a [redacted] b not-hidden-1234"


@pytest.mark.parametrize("name", ["MYSQL_PWD", "PGPWD", "db_pwd", "GITHUB_PAT", "PAT", "AZURE_PAT_2", "SMTP_PASS"])
def test_passwords_and_access_tokens_go_by_their_short_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "swordfish-1234")
    assert redact("a swordfish-1234 b") == "a [redacted] b"


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "GIT_ASKPASS", "BYPASS_PROXY", "MY_PATTERN", "COMPATIBLE"])
def test_names_that_only_look_like_those_of_secrets_hide_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "a/folder-that-is-gone")
    assert redact("in a/folder-that-is-gone") == "in a/folder-that-is-gone"


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert redact("this is false") == "this is false"


def test_a_secret_inside_another_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "swordfish")
    monkeypatch.setenv("B_SECRET", "swordfish-long")
    assert redact("x swordfish-long y") == "x [redacted] y"


@pytest.mark.parametrize("secret", ["sk-abcdefghijklmnop1234", "hf_abcdefghijklmnopqrst"])
def test_keys_are_known_by_their_form(secret: str) -> None:
    assert redact(f"401 for {secret}.") == "401 for [redacted]."


def test_ordinary_words_stay() -> None:
    assert redact("task-sk-1 and hf_home and risk-averse-optimization-of") == (
        "task-sk-1 and hf_home and risk-averse-optimization-of"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"),
        ("Authorization: Bearer abc.def-ghi_123==", "Authorization: Bearer [redacted]"),
        ('{"url": "https://me:pass%20w@host:80/a?b"}', '{"url": "https://[redacted]@host:80/a?b"}'),
        ("postgres://me:a@b@host/db", "postgres://[redacted]@host/db"),
        ("https://host/path?mail=me@host", "https://host/path?mail=me@host"),
        ("modelscope:ORG/NAME@v1", "modelscope:ORG/NAME@v1"),
        ("the bearer of news", "the bearer of news"),
    ],
)
def test_other_forms(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


REPEATED = ("a-", "a.", "a", "-a", "a://", "a:", "@", "a@", "bearer ", "bearer%20", "sk-", "xoxb-")
LONG_TEXTS = f"""
from mft_core.support.redact import redact
for unit in {REPEATED}:
    text = unit * (1_000_000 // len(unit))
    assert "me:pass" not in redact(f"{{text}} https://me:pass@host/")
"""


@pytest.mark.slow
def test_a_megabyte_is_looked_through_whatever_is_in_it() -> None:
    """Seconds in all; more than half an hour for one of them where the time grows with the square of the length."""
    subprocess.run([sys.executable, "-c", LONG_TEXTS], check=True, timeout=300)


def test_a_scheme_of_any_length_is_no_hiding_place() -> None:
    scheme = "git+ssh-" * 20 + "x"
    assert redact(f"{scheme}://me:pass@host") == f"{scheme}://[redacted]@host"


@pytest.mark.parametrize("write", [json.dumps, repr, quote, html.escape])
def test_a_secret_is_found_however_it_is_written(write: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", 'it\'s "a\\b" & ü\nsecond')
    assert "[redacted]" in redact(write(os.environ["DATABASE_PASSWORD"]))
    assert redact('x it\'s "a\\b" & ü second y') == "x [redacted] y"


def test_where_a_secret_lies_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path))
    assert redact(f"in {tmp_path}") == f"in {tmp_path}"


def test_json_values_are_redacted_in_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "swordfish-1234")
    values = {"swordfish-1234": [1, None, ("x swordfish-1234", {"a": "swordfish-1234"})]}
    assert redacted(values) == {"[redacted]": [1, None, ["x [redacted]", {"a": "[redacted]"}]]}
