"""How a command becomes one that sees and changes nothing of the host."""

from __future__ import annotations

from pathlib import Path

from mft_core.sandbox.isolation import INSIDE, base_environment, bubblewrap_command, landlock_rules


def pairs(command: list[str], flag: str, values: int) -> list[tuple[str, ...]]:
    return [tuple(command[place + 1 : place + 1 + values]) for place, word in enumerate(command) if word == flag]


def test_only_what_is_given_is_bound_and_nothing_for_writing() -> None:
    command = bubblewrap_command(["sh", "--", "x"], {"A": "1"}, [Path("/data")], {"main.py": 7}, 1000, 8, 9)
    end = len(command) - 1 - command[::-1].index("--", 2)
    assert command[end + 1 :] == ["sh", "--", "x"]
    arguments = command[:end]
    for unshared in ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"):
        assert unshared in arguments
    assert "--bind" not in arguments
    assert ("/data", "/data") in pairs(arguments, "--ro-bind", 2)
    assert {source for source, _ in pairs(arguments, "--ro-bind", 2)} <= {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/data",
    }  # fmt: skip
    assert pairs(arguments, "--file", 2) == [("7", f"{INSIDE}/main.py")]
    assert pairs(arguments, "--setenv", 2) == [("A", "1")]
    assert (pairs(arguments, "--seccomp", 1), pairs(arguments, "--json-status-fd", 1)) == ([("8",)], [("9",)])
    assert arguments.index("--remount-ro") > max(place for place, word in enumerate(arguments) if word == "--file")


def test_landlock_lets_write_into_the_one_folder() -> None:
    rules = landlock_rules(Path("/work/space"), [Path("/data")])
    assert rules["writable"] == ["/work/space"]
    assert "/data" in rules["readable"]
    assert "/usr" in rules["readable"]
    assert "/" not in rules["readable"]
    assert "/dev/null" in rules["devices"]


def test_the_environment_is_nothing_of_the_hosts(monkeypatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    environment = base_environment("/there")
    assert "SECRET" not in environment
    assert {environment["HOME"], environment["TMPDIR"]} == {"/there"}
