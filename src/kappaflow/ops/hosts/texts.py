"""Texts about machines."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "hosts.not_ended": "host {node_id}: {service} (process {pid}) did not end within {timeout_s:.0f} s; its log is {path}",
    "hosts.not_paused": (
        "host {node_id}: {service} (process {pid}) did not stand still within {timeout_s:.0f} s; its log is {path}"
    ),
    "hosts.no_directory": "host {node_id}: address is missing; it is the directory that holds service.json",
    "hosts.not_run": "host {node_id}: {command} did not run: {error}",
    "hosts.cannot_read": "host {node_id}: cannot read {path}: {reason}",
    "hosts.cannot_write": "host {node_id}: cannot write {path}: {reason}",
    "hosts.cannot_make": "host {node_id}: cannot make {path}: {reason}",
    "hosts.cannot_look": "host {node_id}: cannot look at {path}: {reason}",
    "hosts.not_started": "host {node_id}: {command} did not start: {error}",
    "hosts.not_named": "Cluster {name}: no host is named for {role} {node_id}; add it to hosts in clusters.toml with node_id, roles, adapter, address and service.",
    "hosts.no_address": "host {node_id}: address is missing; write it as user@host or user@host:port",
    "hosts.ssh_unreachable": "{address} cannot be reached by ssh: {reason}. Try: {ssh} true",
    "hosts.command_failed": "{address}: {command} ended with {code}: {reason}",
    "hosts.no_answer": "{address}: {command} gave no answer within {timeout_s:.0f} s",
    "hosts.no_ssh": "ssh cannot be run here: {reason}; install OpenSSH's client",
}

KOREAN = {
    "hosts.not_ended": "호스트 {node_id}: {service}(프로세스 {pid})이(가) {timeout_s:.0f}초 안에 끝나지 않았습니다; 로그: {path}",
    "hosts.not_paused": "호스트 {node_id}: {service}(프로세스 {pid})이(가) {timeout_s:.0f}초 안에 멈추지 않았습니다; 로그: {path}",
    "hosts.no_directory": "호스트 {node_id}: address가 없습니다; service.json이 있는 디렉터리입니다",
    "hosts.not_run": "호스트 {node_id}: {command}을(를) 실행하지 못했습니다: {error}",
    "hosts.cannot_read": "호스트 {node_id}: {path}을(를) 읽을 수 없습니다: {reason}",
    "hosts.cannot_write": "호스트 {node_id}: {path}에 쓸 수 없습니다: {reason}",
    "hosts.cannot_make": "호스트 {node_id}: {path}을(를) 만들 수 없습니다: {reason}",
    "hosts.cannot_look": "호스트 {node_id}: {path}을(를) 살펴볼 수 없습니다: {reason}",
    "hosts.not_started": "호스트 {node_id}: {command}을(를) 시작하지 못했습니다: {error}",
    "hosts.not_named": "클러스터 {name}: {role} {node_id}의 호스트가 없습니다; clusters.toml의 hosts에 node_id, roles, adapter, address, service를 적으세요.",
    "hosts.no_address": "호스트 {node_id}: address가 없습니다; user@host 또는 user@host:port로 쓰세요",
    "hosts.ssh_unreachable": "{address}에 ssh로 접속할 수 없습니다: {reason}. 이렇게 해 보세요: {ssh} true",
    "hosts.command_failed": "{address}: {command}이(가) 종료 코드 {code}(으)로 끝났습니다: {reason}",
    "hosts.no_answer": "{address}: {command}이(가) {timeout_s:.0f}초 안에 답하지 않았습니다",
    "hosts.no_ssh": "여기서는 ssh를 실행할 수 없습니다: {reason}; OpenSSH 클라이언트를 설치하세요",
}

register(ENGLISH, KOREAN)
