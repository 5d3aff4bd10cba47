"""Every command of ``kappa`` and the module that runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: the words after ``kappa``.
        module: the module with ``add_arguments`` and ``run``.
        summary: the key of its one-line description in the message catalogue.
    """

    name: str
    module: str
    summary: str


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("broker", "kappaflow.cli.broker.run", "broker.summary"),
        Command("broker inspect", "kappaflow.cli.broker.inspect", "broker_inspect.summary"),
        Command("broker user add", "kappaflow.cli.broker.user_add", "broker_user_add.summary"),
        Command("up", "kappaflow.cli.server.up", "up.summary"),
        Command("server", "kappaflow.cli.server.on_cluster", "server.summary"),
        Command("server user add", "kappaflow.cli.server.user_add", "server_user_add.summary"),
        Command("sql", "kappaflow.cli.sql.run", "sql.summary"),
        Command("sql test", "kappaflow.cli.sql.test", "sql_test.summary"),
        Command("streams run", "kappaflow.cli.streams.run", "streams_run.summary"),
        Command("streams describe", "kappaflow.cli.streams.describe", "streams_describe.summary"),
        Command("streams reset", "kappaflow.cli.streams.reset", "streams_reset.summary"),
        Command("streams plan-diff", "kappaflow.cli.streams.plan_diff", "streams_plan_diff.summary"),
        Command("top", "kappaflow.cli.top.run", "top.summary"),
        Command("doctor", "kappaflow.cli.doctor.run", "doctor.summary"),
        Command("cluster add", "kappaflow.cli.cluster.add", "cluster_add.summary"),
        Command("cluster list", "kappaflow.cli.cluster.list", "cluster_list.summary"),
        Command("cluster use", "kappaflow.cli.cluster.use", "cluster_use.summary"),
        Command("cluster info", "kappaflow.cli.cluster.info", "cluster_info.summary"),
        Command("cluster doctor", "kappaflow.cli.cluster.doctor", "cluster_doctor.summary"),
        Command("cluster monitor", "kappaflow.cli.cluster.monitor.watch", "cluster_monitor.summary"),
        Command("cluster history", "kappaflow.cli.cluster.monitor.history", "cluster_history.summary"),
        Command("cluster start", "kappaflow.cli.cluster.local_clusters.start", "cluster_start.summary"),
        Command("cluster stop", "kappaflow.cli.cluster.local_clusters.stop", "cluster_stop.summary"),
        Command("cluster kill", "kappaflow.cli.cluster.local_clusters.kill", "cluster_kill.summary"),
        Command("cluster pause", "kappaflow.cli.cluster.local_clusters.pause", "cluster_pause.summary"),
        Command("cluster continue", "kappaflow.cli.cluster.local_clusters.continue_nodes", "cluster_continue.summary"),
        Command("cluster status", "kappaflow.cli.cluster.local_clusters.status", "cluster_status.summary"),
        Command("cluster add-broker", "kappaflow.cli.cluster.local_clusters.add_broker", "cluster_add_broker.summary"),
        Command(
            "cluster add-controller",
            "kappaflow.cli.cluster.local_clusters.add_controller",
            "cluster_add_controller.summary",
        ),
        Command(
            "cluster remove-broker",
            "kappaflow.cli.cluster.local_clusters.remove_broker",
            "cluster_remove_broker.summary",
        ),
        Command("cluster add-disk", "kappaflow.cli.cluster.local_clusters.add_disk", "cluster_add_disk.summary"),
        Command("cluster upgrade", "kappaflow.cli.cluster.upgrade.carry", "cluster_upgrade.summary"),
        Command("cluster upgrade plan", "kappaflow.cli.cluster.upgrade.plan", "cluster_upgrade_plan.summary"),
        Command("cluster upgrade-report", "kappaflow.cli.cluster.upgrade.report", "cluster_upgrade_report.summary"),
        Command("cluster migrate", "kappaflow.cli.cluster.migration.carry", "cluster_migrate.summary"),
        Command("cluster migration", "kappaflow.cli.cluster.migration.show", "cluster_migration.summary"),
        Command("topics list", "kappaflow.cli.topics.list", "topics_list.summary"),
        Command("topics create", "kappaflow.cli.topics.create", "topics_create.summary"),
        Command("topics describe", "kappaflow.cli.topics.describe", "topics_describe.summary"),
        Command("topics alter", "kappaflow.cli.topics.alter", "topics_alter.summary"),
        Command("topics delete", "kappaflow.cli.topics.delete", "topics_delete.summary"),
        Command("topics delete-records", "kappaflow.cli.topics.delete_records", "topics_delete_records.summary"),
        Command("topics offsets", "kappaflow.cli.topics.offsets", "topics_offsets.summary"),
        Command("topics elect-leaders", "kappaflow.cli.topics.elect_leaders", "topics_elect_leaders.summary"),
        Command("configs describe", "kappaflow.cli.configs.describe", "configs_describe.summary"),
        Command("configs alter", "kappaflow.cli.configs.alter", "configs_alter.summary"),
        Command("groups list", "kappaflow.cli.groups.list", "groups_list.summary"),
        Command("groups describe", "kappaflow.cli.groups.describe", "groups_describe.summary"),
        Command("groups reset", "kappaflow.cli.groups.reset", "groups_reset.summary"),
        Command("groups delete", "kappaflow.cli.groups.delete", "groups_delete.summary"),
        Command("groups delete-offsets", "kappaflow.cli.groups.delete_offsets", "groups_delete_offsets.summary"),
        Command("groups remove-members", "kappaflow.cli.groups.remove_members", "groups_remove_members.summary"),
        Command("reassign status", "kappaflow.cli.reassign.status", "reassign_status.summary"),
        Command(
            "reassign replication-factor",
            "kappaflow.cli.reassign.replication_factor",
            "reassign_replication_factor.summary",
        ),
        Command("reassign scale-out", "kappaflow.cli.reassign.scale_out", "reassign_scale_out.summary"),
        Command("reassign drain", "kappaflow.cli.reassign.drain", "reassign_drain.summary"),
        Command("reassign balance", "kappaflow.cli.reassign.balance", "reassign_balance.summary"),
        Command("reassign execute", "kappaflow.cli.reassign.execute", "reassign_execute.summary"),
        Command("reassign cancel", "kappaflow.cli.reassign.cancel", "reassign_cancel.summary"),
        Command(
            "reassign clean-throttles", "kappaflow.cli.reassign.clean_throttles", "reassign_clean_throttles.summary"
        ),
        Command("disk usage", "kappaflow.cli.disk.usage", "disk_usage.summary"),
        Command("disk free", "kappaflow.cli.disk.free", "disk_free.summary"),
        Command("disk balance", "kappaflow.cli.disk.balance", "disk_balance.summary"),
        Command("disk add", "kappaflow.cli.disk.add", "disk_add.summary"),
        Command("disk rescue", "kappaflow.cli.disk.rescue", "disk_rescue.summary"),
        Command("lag doctor", "kappaflow.cli.lag.doctor", "lag_doctor.summary"),
        Command("transactions list", "kappaflow.cli.transactions.list", "transactions_list.summary"),
        Command("transactions describe", "kappaflow.cli.transactions.describe", "transactions_describe.summary"),
        Command("transactions producers", "kappaflow.cli.transactions.producers", "transactions_producers.summary"),
        Command("transactions hanging", "kappaflow.cli.transactions.hanging", "transactions_hanging.summary"),
        Command("transactions abort", "kappaflow.cli.transactions.abort", "transactions_abort.summary"),
        Command("transactions terminate", "kappaflow.cli.transactions.terminate", "transactions_terminate.summary"),
        Command("zookeeper status", "kappaflow.cli.zookeeper.status", "zookeeper_status.summary"),
        Command("zookeeper add", "kappaflow.cli.zookeeper.add", "zookeeper_add.summary"),
        Command("zookeeper remove", "kappaflow.cli.zookeeper.remove", "zookeeper_remove.summary"),
        Command("zookeeper replace", "kappaflow.cli.zookeeper.replace", "zookeeper_replace.summary"),
        Command("zookeeper restart", "kappaflow.cli.zookeeper.restart", "zookeeper_restart.summary"),
        Command("quorum status", "kappaflow.cli.quorum.status", "quorum_status.summary"),
        Command("quorum add", "kappaflow.cli.quorum.add", "quorum_add.summary"),
        Command("quorum remove", "kappaflow.cli.quorum.remove", "quorum_remove.summary"),
        Command("brokers list", "kappaflow.cli.brokers.list", "brokers_list.summary"),
        Command("brokers restart", "kappaflow.cli.brokers.restart", "brokers_restart.summary"),
        Command("brokers rollout", "kappaflow.cli.brokers.rollout", "brokers_rollout.summary"),
        Command("brokers maintain", "kappaflow.cli.brokers.maintain", "brokers_maintain.summary"),
        Command("brokers decommission", "kappaflow.cli.brokers.decommission", "brokers_decommission.summary"),
        Command("brokers start", "kappaflow.cli.brokers.start", "brokers_start.summary"),
        Command("acls list", "kappaflow.cli.acls.list", "acls_list.summary"),
        Command("acls add", "kappaflow.cli.acls.add", "acls_add.summary"),
        Command("acls remove", "kappaflow.cli.acls.remove", "acls_remove.summary"),
        Command("quotas list", "kappaflow.cli.quotas.list", "quotas_list.summary"),
        Command("quotas set", "kappaflow.cli.quotas.set", "quotas_set.summary"),
        Command("quotas remove", "kappaflow.cli.quotas.remove", "quotas_remove.summary"),
        Command("users list", "kappaflow.cli.users.list", "users_list.summary"),
        Command("users add", "kappaflow.cli.users.add", "users_add.summary"),
        Command("users remove", "kappaflow.cli.users.remove", "users_remove.summary"),
        Command("plan list", "kappaflow.cli.plan.list", "plan_list.summary"),
        Command("plan show", "kappaflow.cli.plan.show", "plan_show.summary"),
        Command("plan apply", "kappaflow.cli.plan.apply", "plan_apply.summary"),
        Command("plan resume", "kappaflow.cli.plan.resume", "plan_resume.summary"),
        Command("plan verify", "kappaflow.cli.plan.verify", "plan_verify.summary"),
        Command("plan undo", "kappaflow.cli.plan.undo", "plan_undo.summary"),
        Command("plan audit", "kappaflow.cli.plan.audit", "plan_audit.summary"),
        Command("demo flights", "kappaflow.cli.demo.flights", "demo_flights.summary"),
    )
}
