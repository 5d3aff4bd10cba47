"""Names of the stores of joins, and so of their changelog topics: those that Kafka Streams gives.

Kafka Streams numbers the nodes of a topology as they are added, and names the stores of a stream-stream join by the
number of the join's node.  Counting the nodes that each step stands for gives the same names.
"""

from __future__ import annotations

from kappaflow.sql.ast.relations import JoinType
from kappaflow.sql.physical import steps as s

# Steps whose Kafka Streams form is more than one node: a stream is read and given its pseudo columns; a table has
# the nodes of its stream and its store besides; an exchange is a sink, a source and the filter of null keys.
_NODES: dict[type[s.Step], int] = {
    s.StreamSource: 2,
    s.TableSource: 5,
    s.StreamSelect: 1,
    s.TableSelect: 1,
    s.StreamSelectKey: 1,
    s.StreamRepartition: 3,
    s.TableRepartition: 6,
    s.StreamTableJoin: 1,
    s.StreamStreamJoin: 5,
}
_WINDOW_NODES = 2


def node_count(step: s.Step) -> int:
    """Return how many nodes of Kafka Streams a step and all before it stand for."""
    own = _NODES.get(type(step), 0)
    if isinstance(step, s.StreamRepartition) and not isinstance(step.input, s.StreamSelectKey):
        own += 1
    return own + sum(node_count(before) for before in step.inputs)


def stream_stream_stores(join_type: JoinType, nodes_before: int) -> tuple[str, str, str]:
    """Return the names of the left, right and outer store of a stream-stream join.

    Args:
        join_type: rows without a partner are kept or not.
        nodes_before: how many nodes were added before the join.
    """
    number = nodes_before + _WINDOW_NODES
    left = "OUTERTHIS" if join_type in {JoinType.RIGHT, JoinType.FULL} else "JOINTHIS"
    right = "OUTEROTHER" if join_type in {JoinType.LEFT, JoinType.FULL} else "JOINOTHER"
    return (
        f"KSTREAM-{left}-{number:010d}-store",
        f"KSTREAM-{right}-{number + 1:010d}-store",
        f"KSTREAM-OUTERSHARED-{number:010d}-store",
    )
