"""From ZooKeeper to KRaft on Kafka 3.9, phase by phase, with a way back until the last one.

    zookeeper ──▶ dual-write ──▶ kraft ──▶ final
      controllers start,     brokers restart     controllers forget
      brokers learn of them,  as KRaft's own     ZooKeeper; no way back
      metadata is copied

Each arrow is a plan of its own: `plan_migration` makes the next one, and taking it back returns to the phase before.
While KRaft's controllers lead they write every change to ZooKeeper, too, which is what makes the way back.

Source: KIP-866; Kafka 3.9's documentation of operations, "ZooKeeper to KRaft Migration".
"""

from kappaflow.ops.migration.planning import plan_migration
from kappaflow.ops.migration.state import MigrationStatus, Phase, migration_status

__all__ = ["MigrationStatus", "Phase", "migration_status", "plan_migration"]
