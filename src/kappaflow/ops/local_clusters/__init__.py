"""Real Kafka and ZooKeeper clusters on this machine: a test bed and a playground.

    ClusterSpec ──▶ layout.py      directories, ports, ids; DIR/cluster.json keeps it
                      │
       software.py ───┤            jars of a version from Maven Central, and the command lines of servers
     properties.py ───┤            what each server is told
                      ▼
                   LocalCluster    start, stop, kill, pause, add and remove nodes and disks    cluster.py
                      │
                      ▼
                   LocalHost       one process a node, described by NODE/service.json          ../hosts

Servers run on when the command that started them ends. It supervises nothing: a server that dies stays dead, as a test
wants it. Heaps are small and durability is Kafka's own; nothing here is for production.
"""
