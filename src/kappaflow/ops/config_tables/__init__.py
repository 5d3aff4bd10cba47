"""The configurations of Kafka's versions, as their own ``ConfigDef`` say: name, type, default, range, and how each is
changed.

ConfigDefs.java ── one run a version ──▶ generate.py ──▶ tables.json ──▶ ConfigTables
"""

from kappaflow.ops.config_tables.tables import (
    ConfigDefinition,
    ConfigTables,
    Scope,
    UpdateMode,
    load_tables,
    newest_update_mode,
)

__all__ = ["ConfigDefinition", "ConfigTables", "Scope", "UpdateMode", "load_tables", "newest_update_mode"]
