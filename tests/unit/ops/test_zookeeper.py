"""ZooKeeper ensembles: what servers say, and the arithmetic of quorums."""

from __future__ import annotations

import doctest
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import EnsembleState, ServerState, ensemble_state, four_letter, zoo_cfg
from kappaflow.ops.zookeeper.four_letter import ask

LEADER = "zk_version\t3.8.4-9316c2a, built\nzk_server_state\tleader\nzk_synced_followers\t2\nzk_learners\t2\n"
OLD_LEADER = "zk_version\t3.4.14\nzk_server_state\tleader\nzk_followers\t2\nzk_synced_followers\t2\nzk_znode_count\t7\n"
FOLLOWER = "zk_version\t3.8.4\nzk_server_state\tfollower\nzk_quorum_size\t3\n"
LOST = "This ZooKeeper instance is not currently serving requests\n"


@contextmanager
def server(answers: dict[str, str]) -> Iterator[str]:
    """Something that answers four-letter words."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            word = self.request.recv(4).decode()
            self.request.sendall(answers.get(word, "").encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def state(*modes: str, followers: int | None = None) -> EnsembleState:
    rows = []
    for number, mode in enumerate(modes, start=1):
        count = followers if mode == "leader" else None
        rows.append(ServerState(number, f"h:{number}", mode, True, "", count, None, 0, 0, 0.0, 0, ""))  # type: ignore[arg-type]
    return EnsembleState(tuple(rows))


@pytest.mark.parametrize("module", [zoo_cfg, four_letter])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("leader", [LEADER, OLD_LEADER])
def test_the_leader_is_found_and_comes_first(leader: str) -> None:
    well = {"ruok": "imok"}
    with (
        server(well | {"mntr": FOLLOWER}) as a,
        server(well | {"mntr": leader}) as b,
        server(well | {"mntr": FOLLOWER}) as c,
        OpsSession(ClusterContext("z", "-", zookeeper=f"{a},{b},{c}/chroot")) as session,
    ):
        found = ensemble_state(session)
        assert [s.mode for s in found.servers] == ["leader", "follower", "follower"]
        assert found.servers[0].followers == 2
        assert (found.quorum, found.can_lose, found.is_whole(), found.problems()) == (2, 1, True, [])


def test_a_server_that_is_down_or_without_quorum_or_forbidden_is_told_apart() -> None:
    forbidden = "mntr is not executed because it is not in the whitelist.\n"
    with (
        server({"ruok": "imok", "mntr": LOST, "srvr": LOST}) as lost,
        server({"ruok": "imok", "mntr": forbidden, "srvr": "Zookeeper version: 3.8\nMode: follower\n"}) as shy,
        OpsSession(ClusterContext("z", "-", zookeeper=f"{lost},{shy},127.0.0.1:1")) as session,
    ):
        found = {s.address: s for s in ensemble_state(session).servers}
        assert found[lost].mode == "unknown"
        assert "not currently serving" in found[lost].problem
        assert found[shy].mode == "follower"
        assert found["127.0.0.1:1"].mode == "down"
        assert "4lw.commands.whitelist" in ask(shy, "mntr").problem


@pytest.mark.parametrize(
    ("modes", "followers", "quorum", "can_lose", "whole", "says"),
    [
        (("leader", "follower", "follower"), 2, 2, 1, True, []),
        (("leader", "follower", "down"), 1, 2, 0, False, ["down", "last"]),
        (("unknown", "down", "down"), None, 2, -2, False, ["down", "down", "down", "no_quorum"]),
        (("follower", "follower", "follower"), None, 2, 1, False, ["no_leader"]),
        (("leader", "leader", "follower"), 1, 2, 1, False, ["two_leaders"]),
        (("leader", "follower", "follower"), 1, 2, 1, False, ["followers"]),
        (("leader", "follower", "follower", "follower"), 3, 3, 1, True, ["even"]),
        (("leader", "follower", "follower", "follower", "follower"), 4, 3, 2, True, []),
        (("leader", "follower", "follower", "observer"), 2, 2, 1, True, []),
        (("standalone",), None, 1, 0, True, []),
    ],
)
def test_quorum_arithmetic(
    modes: tuple[str, ...], followers: int | None, quorum: int, can_lose: int, whole: bool, says: list[str]
) -> None:
    found = state(*modes, followers=followers)
    assert (found.quorum, found.can_lose, found.is_whole()) == (quorum, can_lose, whole)
    assert [problem.key.removeprefix("zookeeper.") for problem in found.problems()] == says
    assert all(str(problem) for problem in found.problems())
