"""`mft compare --ray` on a cluster of two nodes comes out as one run after another. Ray is heavy: `pip install ray`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.running import mft
from helpers.small_comparisons import MIX, MIX_SETTINGS, compared_in, results

pytest.importorskip("ray", reason="ray is not installed: pip install 'mft[ray]'")
pytestmark = pytest.mark.usefixtures("in_comparison")


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


@pytest.mark.parametrize(
    ("arms", "runs", "files"), [(["mixed,famo"], 2, 5), ([MIX, *MIX_SETTINGS], 6, 14)], ids=["losses", "mix"]
)
def test_on_two_nodes_runs_come_out_as_one_after_another(
    cluster, comparison, tmp_path, capfd, arms, runs, files
) -> None:
    command = ("--arms", *arms, "--seeds", "1")
    alone = results(compared_in(comparison, *command, output=f"out-{runs}"))
    assert mft("compare", "recipe.toml", *command, "--output", str(tmp_path / "out"), "--ray", cluster) == 0
    assert "on a Ray cluster of 2 machines" in capfd.readouterr().out
    assert len(alone) == files
    assert results(tmp_path / "out") == alone
    log = (tmp_path / "out" / "compare.log").read_text()
    assert log.count("finished (") == runs
