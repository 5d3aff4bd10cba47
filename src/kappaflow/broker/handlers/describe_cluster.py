"""DescribeCluster: the brokers of the cluster.

Source: KIP-700, KIP-919 (endpoint types), KIP-1073 (fenced brokers).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.handlers.metadata import OPERATIONS_NOT_ASKED_FOR, cluster_operations
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

BROKERS = 1


def handle(context: RequestContext, request: Message) -> Response:
    """Describe this broker; its controller has no endpoint of its own."""
    broker = context.broker
    right_kind = request.endpoint_type == BROKERS
    return Message(
        throttle_time_ms=0,
        error_code=ErrorCode.NONE if right_kind else ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        error_message=None if right_kind else "This is a broker's endpoint; ask for endpoint type 1.",
        endpoint_type=BROKERS,
        cluster_id=broker.cluster_id,
        controller_id=broker.node_id,
        brokers=[
            Message(
                broker_id=broker.node_id,
                host=context.session.listener.advertised_host,
                port=context.session.listener.advertised_port,
                rack=None,
                is_fenced=False,
            )
        ]
        if right_kind
        else [],
        cluster_authorized_operations=cluster_operations(context)
        if request.include_cluster_authorized_operations
        else OPERATIONS_NOT_ASKED_FOR,
    )
