"""Configurations of a simulated cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kappaflow.client.broker_errors import broker_error
from kappaflow.errors import BrokerUnreachable
from kappaflow.ops.admin import ConfigEntry, ConfigResource
from kappaflow.testing.simulated_cluster.state import DEFAULTS, State
from kappaflow.wire.error_codes import ErrorCode


class SimulatedConfigs:
    """Configurations of topics and brokers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(
        self, resources: Sequence[ConfigResource], names: Collection[str] | None = None, *, documentation: bool = False
    ) -> dict[ConfigResource, dict[str, ConfigEntry]]:
        """Configurations of each resource by name."""
        return {
            resource: {
                key: self._entry(resource, key) for key in DEFAULTS[resource.kind] if names is None or key in names
            }
            for resource in resources
        }

    def _entry(self, resource: ConfigResource, key: str) -> ConfigEntry:
        default = DEFAULTS[resource.kind][key]
        self._require_alive(resource)
        own = self._state.configs.get((resource.kind, resource.name), {})
        static = self._state.brokers[int(resource.name)].static if resource.kind == "broker" and resource.name else {}
        if key in own:
            source = "cluster" if resource == ConfigResource("broker", "") else resource.kind
            return ConfigEntry(key, own[key], source, static.get(key, default), False, False, "string", "")
        if key in static:
            return ConfigEntry(key, static[key], "static", default, False, False, "string", "")
        return ConfigEntry(key, default, "default", default, False, False, "string", "")

    def _require_alive(self, resource: ConfigResource) -> None:
        """A broker answers for itself only."""
        if resource.kind == "broker" and resource.name:
            broker = self._state.brokers.get(int(resource.name))
            if broker is None or not broker.alive:
                raise BrokerUnreachable(f"broker {resource.name} is away")

    def alter(self, changes: Mapping[ConfigResource, Mapping[str, str | None]], *, validate_only: bool = False) -> None:
        """Set values, or take them away."""
        for resource, values in changes.items():
            self._require_alive(resource)
            for key, value in values.items():
                if key not in DEFAULTS[resource.kind]:
                    raise broker_error(ErrorCode.INVALID_CONFIG, f"alter {resource.kind} {resource.name}", key)
                if not validate_only:
                    own = self._state.configs.setdefault((resource.kind, resource.name), {})
                    own.pop(key, None)
                    if value is not None:
                        own[key] = value
