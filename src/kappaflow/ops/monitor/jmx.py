"""JMX without Java: figures of brokers from Jolokia or from the HTTP endpoint of the JMX exporter.

Jolokia is asked for all beans at once. The JMX exporter gives everything it has, under names that depend on its rules:
those of its default format, and those of the rules that most people copy, are known.

Source: Jolokia's protocol (bulk read by POST); the README of the Prometheus JMX exporter (default format); Kafka's
documentation of monitoring (names of beans).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

from kappaflow.errors import HostError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.runtime.messages import message

assert _texts

TIMEOUT_S = 4.0
ANSWER_BYTES_MAX = 32 << 20
HTTP_OK = 200


class Figure(NamedTuple):
    """A figure and where JMX has it.

    Attributes:
        metric: our name.
        bean: the object's name.
        attribute: of the object.
        inner: the key where the attribute is a composite.
        exporter: the names under which the exporter gives it when they do not follow from the bean's.
    """

    metric: str
    bean: str
    attribute: str = "Value"
    inner: str = ""
    exporter: tuple[str, ...] = ()


_TOPICS = "kafka.server:type=BrokerTopicMetrics,name="
FIGURES = (
    Figure("kappa_jmx_messages_in_total", f"{_TOPICS}MessagesInPerSec", "Count"),
    Figure("kappa_jmx_bytes_in_total", f"{_TOPICS}BytesInPerSec", "Count"),
    Figure("kappa_jmx_bytes_out_total", f"{_TOPICS}BytesOutPerSec", "Count"),
    Figure("kappa_jmx_under_replicated_partitions", "kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions"),
    Figure("kappa_jmx_isr_shrinks_total", "kafka.server:type=ReplicaManager,name=IsrShrinksPerSec", "Count"),
    Figure(
        "kappa_jmx_request_handler_idle_ratio",
        "kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent",
        "OneMinuteRate",
    ),
    Figure("kappa_jmx_network_idle_ratio", "kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent"),
    Figure("kappa_jmx_request_queue", "kafka.network:type=RequestChannel,name=RequestQueueSize"),
    Figure(
        "kappa_jmx_heap_used_bytes",
        "java.lang:type=Memory",
        "HeapMemoryUsage",
        "used",
        ("jvm_memory_bytes_used", "jvm_memory_used_bytes", "java_lang_memory_heapmemoryusage_used"),
    ),
    Figure(
        "kappa_jmx_heap_max_bytes",
        "java.lang:type=Memory",
        "HeapMemoryUsage",
        "max",
        ("jvm_memory_bytes_max", "jvm_memory_max_bytes", "java_lang_memory_heapmemoryusage_max"),
    ),
    Figure(
        "kappa_jmx_open_files",
        "java.lang:type=OperatingSystem",
        "OpenFileDescriptorCount",
        "",
        ("process_open_fds", "java_lang_operatingsystem_openfiledescriptorcount"),
    ),
    Figure(
        "kappa_jmx_open_files_max",
        "java.lang:type=OperatingSystem",
        "MaxFileDescriptorCount",
        "",
        ("process_max_fds", "java_lang_operatingsystem_maxfiledescriptorcount"),
    ),
)


def read_jmx(address: str) -> dict[str, float]:
    """The figures of one broker by our names; those that it does not give are left out.

    Args:
        address: of Jolokia, where its path holds ``jolokia``, or else of a JMX exporter.

    Raises:
        HostError: nothing answers there, or what answers is neither.
    """
    is_jolokia = "jolokia" in httpx.URL(address).path.lower()
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            if is_jolokia:
                body = [_read_request(figure) for figure in FIGURES]
                answer = client.post(address.rstrip("/") + "/", content=json.dumps(body).encode())
            else:
                answer = client.get(address)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HostError(message("jmx.silent", address=_safe(address), error=error or type(error).__name__)) from error
    if answer.status_code != HTTP_OK or len(answer.content) > ANSWER_BYTES_MAX:
        raise HostError(message("jmx.status", address=_safe(address), status=answer.status_code))
    found = from_jolokia(answer.content) if is_jolokia else from_exporter(answer.text)
    if not found:
        raise HostError(message("jmx.no_figures", address=_safe(address)))
    return found


def _safe(address: str) -> str:
    """The address without a password."""
    return str(httpx.URL(address).copy_with(username=None, password=None))


def _read_request(figure: Figure) -> dict[str, str]:
    request = {"type": "read", "mbean": figure.bean, "attribute": figure.attribute}
    return request | ({"path": figure.inner} if figure.inner else {})


def from_jolokia(content: bytes) -> dict[str, float]:
    """The figures in Jolokia's answer to a bulk read; beans that the broker lacks have a status of their own.

    Raises:
        HostError: it is no such answer.
    """
    try:
        rows = json.loads(content)
        found: dict[str, float] = {}
        for figure, row in zip(FIGURES, rows, strict=True):
            value: Any = row.get("value") if row["status"] == HTTP_OK else None
            if isinstance(value, Mapping):
                value = value.get(figure.inner)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[figure.metric] = float(value)
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(message("jmx.not_jolokia", error=error)) from error


_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?(?:\s+#.*)?")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def parse_exposition(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of Prometheus' text format: name, labels, value; lines that are none are left out.

    >>> list(parse_exposition('up{job="a\\\\"b",} 1\\n# HELP x\\ny 2.5 1700000000000\\n'))
    [('up', {'job': 'a"b'}, 1.0), ('y', {}, 2.5)]
    """
    for line in text.splitlines():
        found = None if line.startswith("#") else _LINE.fullmatch(line.strip())
        if found is None:
            continue
        try:
            value = float(found[3].replace("Inf", "inf"))
        except ValueError:
            continue
        labels = {key: re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), raw) for key, raw in _labels(found[2] or "")}
        yield found[1], labels, value


def _labels(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _LABEL.finditer(text)]


def from_exporter(text: str) -> dict[str, float]:
    """The figures in what a JMX exporter gives, by whichever of the known rules."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name, labels, value in parse_exposition(text):
        samples.setdefault(name.lower(), []).append((labels, value))
    found: dict[str, float] = {}
    for figure in FIGURES:
        value = next((v for name, wanted in _names(figure) for v in _pick(samples.get(name, ()), wanted)), None)
        if value is not None:
            found[figure.metric] = value
    return found


def _pick(rows: Any, wanted: Mapping[str, str]) -> list[float]:
    """Values of samples with these labels; those of single topics are another figure."""
    return [
        value
        for labels, value in rows
        if "topic" not in labels and all(labels.get(key) == word for key, word in wanted.items())
    ]


def _names(figure: Figure) -> Iterator[tuple[str, dict[str, str]]]:
    """The names in lower case under which an exporter may give a figure, each with the labels to look for."""
    for name in figure.exporter:
        yield name, ({"area": "heap"} if name.startswith("jvm_memory") else {})
    domain, _, keys = figure.bean.partition(":")
    pairs = dict(pair.split("=", 1) for pair in keys.split(","))
    if "name" not in pairs:
        return
    head = f"{domain.replace('.', '_')}_{pairs['type']}".lower()
    short = re.sub(r"PerSec$|Percent$", "", pairs["name"]).lower()
    attribute = figure.attribute.lower()
    yield f"{head}_{attribute}", {"name": pairs["name"]}
    for name in (pairs["name"].lower(), short):
        yield from ((f"{head}_{name}_{ending}", {}) for ending in (attribute, "total", "percent"))
        yield f"{head}_{name}", {}
