"""The machines of a cluster behind one small face: files, commands, and the service of a node.

Hosts ── node id ──▶ Host ── local processes | ssh + systemd
"""
