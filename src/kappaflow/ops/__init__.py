"""Operations on Kafka and ZooKeeper clusters, safely and explained.

    ClusterContext ── which cluster, how to reach it, its hosts          contexts/
      └── OpsSession ── opens what is asked for                           session.py
            ├── ClusterAdmin   the brokers, by Kafka's protocol           admin/
            └── Hosts          their processes and files                  hosts/

    observe ──▶ plan ──▶ show ──▶ apply ──▶ verify ──▶ undo               plans/

A function that reads returns a result class; one that would change something returns a ``Plan``: data that is shown,
kept in a file, applied, resumed after a crash, verified and undone. Nothing here changes a cluster in any other way.
It is not a scheduler and keeps no state but plans, their journals and the audit log.
"""
