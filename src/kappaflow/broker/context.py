"""What a handler knows besides the request."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kappaflow.broker.authorization.acl import CLUSTER_NAME, AclOperation, ResourceType
from kappaflow.broker.authorization.rules import ACCESS, REFUSAL_TEXTS, REFUSALS, SUPPORTED_OPERATIONS
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.broker.security.session import ClientSession

Response = Message | None
"""A response body; None where the request asks for no response."""

HandlerResult = Response | Awaitable[Response]
"""A handler answers at once, or later. Views of the request's bytes are valid only until it returns."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's surroundings.

    Attributes:
        broker: everything that the broker keeps.
        api_version: the version of the request body.
        client_id: the client's name for itself.
        session: its connection: listener, principal, log-on.
        api_key: the API.
    """

    broker: Broker
    api_version: int
    client_id: str
    session: ClientSession
    api_key: int = -1

    @property
    def client_host(self) -> str:
        """The client's address, as shown in group descriptions."""
        return self.session.host

    def refusal(
        self, resource_type: ResourceType, name: str | None = None, operation: AclOperation | None = None
    ) -> ErrorCode:
        """Why the client may not do what this request asks for; NONE where it may.

        Args:
            resource_type: the kind of resource.
            name: its name; may be left out for the cluster.
            operation: what is to be done; that of the table of rules where it is left out.
        """
        authorizer = self.broker.authorizer
        if authorizer is None:
            return ErrorCode.NONE
        wanted = ACCESS[self.api_key][resource_type] if operation is None else operation
        session = self.session
        resource = CLUSTER_NAME if resource_type is ResourceType.CLUSTER else name or ""
        if authorizer.allows(session.principal, session.address, wanted, resource_type, resource):
            return ErrorCode.NONE
        return REFUSALS[resource_type]

    def authorized_operations(self, resource_type: ResourceType, name: str = CLUSTER_NAME) -> int:
        """What the client may do with a resource, as bits by the number of the operation (KIP-430)."""
        return sum(
            1 << operation
            for operation in SUPPORTED_OPERATIONS[resource_type]
            if not self.refusal(resource_type, name, operation)
        )

    def require(
        self, resource_type: ResourceType, name: str | None = None, operation: AclOperation | None = None
    ) -> None:
        """Go on only where the client may; see `refusal`.

        Raises:
            BrokerError: the code of the missing right.
        """
        error = self.refusal(resource_type, name, operation)
        if error:
            raise BrokerError(error, error.name, REFUSAL_TEXTS[error])

    def may_on_any(self, resource_type: ResourceType) -> bool:
        """Whether there can be a resource of a type on which the client may do what this request asks for."""
        authorizer = self.broker.authorizer
        return authorizer is None or authorizer.allows_any(
            self.session.principal, self.session.address, ACCESS[self.api_key][resource_type], resource_type
        )
