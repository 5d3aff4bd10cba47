"""The embedded Kafka broker: one process, one data directory, Kafka's wire protocol.

    socket -> connection (frames, order, back-pressure) -> dispatch (wire codec) -> handlers/<api>
                                                                                        |
              topics -> metadata journal     storage (partition logs)     coordinators (groups, offsets, transactions)

`kappaflow.broker.server.serve` runs it, `kappaflow.broker.broker.Broker` holds what it keeps, and `api_table` lists
what it speaks. Handlers run on the event loop and never block; records stay the bytes that clients sent.

Connections come in by `security` (listeners, TLS, log-on), may do what `authorization` allows and are held to
`quotas`.

Not here: replication; the file format (`kappaflow.storage`); clients.
"""
