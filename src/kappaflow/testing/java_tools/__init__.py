"""Kafka's own command-line tools, many calls in one JVM, and what they say of a data directory.

ToolRunner.java reads calls and writes answers; `tool_runner` starts it; `log_segments` asks it to read segments.
It judges nothing about the tools' answers: the tests that compare them do.
"""
