"""Who a client is: listeners, TLS, SASL and the users that the broker knows.

    properties -> settings -> listeners -> tls -> session (one a connection) -> sasl (mechanisms over credentials)

A session's principal is what `kappaflow.broker.authorization` decides about and `kappaflow.broker.quotas` counts.

Not here: what a principal may do; how requests are read.
"""
