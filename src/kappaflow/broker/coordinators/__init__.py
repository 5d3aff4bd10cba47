"""State that belongs to the cluster and not to a partition: consumer groups, producer ids.

    handlers -> GroupCoordinator -> Group (members, generation) -> group_states (table)
                       |-> OffsetStore (committed offsets, journalled)
             -> ProducerIds (journalled blocks)

Coordinators know no sockets and no event loop: they call back with answers, and get their timers from outside.
"""
