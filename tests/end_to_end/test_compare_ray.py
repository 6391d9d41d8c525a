"""`mft compare --ray` on a cluster of two nodes comes out as one run after another. Ray is heavy: `pip install ray`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.made_up_comparisons import write_comparison
from helpers.running import mft

pytest.importorskip("ray", reason="ray is not installed: pip install 'mft[ray]'")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of two nodes of one processor each, on this machine."""
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=small)
    found.add_node(num_cpus=1, object_store_memory=80 << 20)
    yield found.address
    ray.shutdown()
    found.shutdown()


def results(output: Path) -> dict[str, bytes]:
    files = [*output.glob("*/**/losses.npz"), *output.glob("*/**/final/*.safetensors")]
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def test_on_two_nodes_runs_come_out_as_one_after_another(cluster: str, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(write_comparison(tmp_path))
    command = ("compare", "recipe.toml", "--arms", "mixed,famo", "--seeds", "1")
    assert mft(*command, "--output", "sequential") == 0
    assert mft(*command, "--output", "out", "--ray", cluster) == 0
    assert "on a Ray cluster of 2 machines" in capfd.readouterr().out
    assert len(results(tmp_path / "sequential")) == 5
    assert results(tmp_path / "out") == results(tmp_path / "sequential")
    log = (tmp_path / "out" / "compare.log").read_text()
    assert log.count("finished (") == 2
