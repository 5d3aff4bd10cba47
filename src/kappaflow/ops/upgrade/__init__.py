"""Other versions of Kafka and ZooKeeper: what would change, and the way there as a plan.

compatibility.py    removed, replaced and changed configurations against the cluster's real ones; Java; protocol
paths.py            whether there is a way from one version to another, and its phases: pure functions
planning.py         the way as a plan: rolling or full stop, ZooKeeper lines in two phases, KRaft by feature level
feature_actions.py  the step that agrees on new feature levels

A plan's steps are those of rolling work (../brokers) with other software in between.
"""
