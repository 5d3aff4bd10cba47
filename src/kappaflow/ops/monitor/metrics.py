"""Every figure of the monitor: the part that it comes from, its kind and what it means.

Rules name figures, so a misspelt one is found when they are read.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

PARTS = ("cluster", "partitions", "traffic", "disks", "groups", "jmx", "machines", "monitor")
Kind = Literal["gauge", "counter"]


class Metric(NamedTuple):
    """One figure; ``help`` is in English, as Prometheus' text format has it."""

    part: str
    help: str
    kind: Kind = "gauge"


METRICS: dict[str, Metric] = {
    "kappa_cluster_up": Metric("monitor", "1 where a broker answered at the last look"),
    "kappa_cluster_brokers": Metric("cluster", "brokers that are alive"),
    "kappa_cluster_active_controllers": Metric("cluster", "1 where there is an active controller"),
    "kappa_broker_up": Metric("cluster", "1 where a broker that was seen before is alive"),
    "kappa_cluster_topics": Metric("partitions", "topics"),
    "kappa_cluster_partitions": Metric("partitions", "partitions"),
    "kappa_cluster_under_replicated_partitions": Metric("partitions", "partitions with replicas that are not in sync"),
    "kappa_cluster_offline_partitions": Metric("partitions", "partitions without a leader"),
    "kappa_cluster_under_min_isr_partitions": Metric("partitions", "partitions below min.insync.replicas"),
    "kappa_cluster_not_preferred_leader_partitions": Metric("partitions", "partitions led by another replica"),
    "kappa_cluster_reassigning_partitions": Metric("partitions", "partitions that are being moved"),
    "kappa_topic_under_replicated_partitions": Metric("partitions", "the same of a topic, where there are any"),
    "kappa_topic_offline_partitions": Metric("partitions", "the same of a topic, where there are any"),
    "kappa_topic_under_min_isr_partitions": Metric("partitions", "the same of a topic, where there are any"),
    "kappa_broker_leaders": Metric("partitions", "partitions that a broker leads"),
    "kappa_broker_replicas": Metric("partitions", "replicas of a broker"),
    "kappa_broker_under_replicated_partitions": Metric("partitions", "led partitions with replicas not in sync"),
    "kappa_cluster_records_per_second": Metric("traffic", "records that come, by the ends of partitions"),
    "kappa_topic_records_per_second": Metric("traffic", "records that come to a topic"),
    "kappa_cluster_log_bytes": Metric("disks", "bytes of all replicas"),
    "kappa_topic_log_bytes": Metric("disks", "bytes of all replicas of a topic"),
    "kappa_broker_log_bytes": Metric("disks", "bytes of the replicas in a log directory"),
    "kappa_broker_log_dir_up": Metric("disks", "1 where a log directory is online"),
    "kappa_broker_disk_bytes": Metric("disks", "size of the file system of a log directory"),
    "kappa_broker_disk_free_bytes": Metric("disks", "what is free there"),
    "kappa_broker_disk_free_ratio": Metric("disks", "the part of it that is free"),
    "kappa_cluster_groups": Metric("groups", "consumer groups"),
    "kappa_group_lag_records": Metric("groups", "records that a group has not read"),
    "kappa_group_topic_lag_records": Metric("groups", "records of a topic that a group has not read"),
    "kappa_group_lag_seconds": Metric("groups", "age of the oldest record that a group has not read, at least"),
    "kappa_group_active": Metric("groups", "1 where a group has members"),
    "kappa_jmx_up": Metric("jmx", "1 where a broker's JMX was read"),
    "kappa_jmx_messages_in_total": Metric("jmx", "records that a broker took", "counter"),
    "kappa_jmx_bytes_in_total": Metric("jmx", "bytes that clients wrote to a broker", "counter"),
    "kappa_jmx_bytes_out_total": Metric("jmx", "bytes that clients read from a broker", "counter"),
    "kappa_jmx_under_replicated_partitions": Metric("jmx", "as the broker counts them"),
    "kappa_jmx_isr_shrinks_total": Metric("jmx", "replicas that fell out of sync", "counter"),
    "kappa_jmx_request_handler_idle_ratio": Metric("jmx", "part of the request handlers' time that is idle"),
    "kappa_jmx_network_idle_ratio": Metric("jmx", "part of the network threads' time that is idle"),
    "kappa_jmx_request_queue": Metric("jmx", "requests that wait"),
    "kappa_jmx_heap_used_bytes": Metric("jmx", "heap in use"),
    "kappa_jmx_heap_max_bytes": Metric("jmx", "the largest heap"),
    "kappa_jmx_open_files": Metric("jmx", "files that the process has open"),
    "kappa_jmx_open_files_max": Metric("jmx", "files that it may have open"),
    "kappa_host_up": Metric("machines", "1 where a server's machine was reached"),
    "kappa_host_service_up": Metric("machines", "1 where its service runs"),
    "kappa_host_memory_bytes": Metric("machines", "memory of a machine"),
    "kappa_host_memory_available_bytes": Metric("machines", "memory that programs could still take"),
    "kappa_host_load_1m": Metric("machines", "load of a machine over a minute"),
    "kappa_host_cpus": Metric("machines", "processors of a machine"),
    "kappa_host_disk_bytes": Metric("machines", "size of the file system of a directory"),
    "kappa_host_disk_free_bytes": Metric("machines", "what is free there"),
    "kappa_host_disk_free_ratio": Metric("machines", "the part of it that is free"),
    "kappa_monitor_part_up": Metric("monitor", "1 where a part was looked at"),
    "kappa_monitor_part_seconds": Metric("monitor", "how long a part took"),
    "kappa_monitor_refresh_seconds": Metric("monitor", "how long the last look took"),
    "kappa_monitor_series": Metric("monitor", "series in the time store"),
    "kappa_monitor_dropped_series": Metric("monitor", "series that the time store had no room for"),
}
