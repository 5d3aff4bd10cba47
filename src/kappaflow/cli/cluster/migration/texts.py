"""Texts of `kappa cluster migrate` and `kappa cluster migration`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "cluster_migrate.to": "the phase that is wanted, dual-write, kraft or final (default: the next one)",
    "cluster_migration.phase": "phase: {phase}",
    "cluster_migration.zookeeper": "controller in ZooKeeper: {controller} ({who})",
    "cluster_migration.broker": "broker",
    "cluster_migration.kraft": "KRaft",
    "cluster_migration.controllers": "KRaft's controllers: {controllers}",
}

KOREAN = {
    "cluster_migrate.to": "가려는 단계: dual-write, kraft, final (기본값: 다음 단계)",
    "cluster_migration.phase": "단계: {phase}",
    "cluster_migration.zookeeper": "ZooKeeper에 적힌 컨트롤러: {controller} ({who})",
    "cluster_migration.broker": "브로커",
    "cluster_migration.kraft": "KRaft",
    "cluster_migration.controllers": "KRaft 컨트롤러: {controllers}",
}

register(ENGLISH, KOREAN)
