"""Consumer groups whose assignment the coordinator computes itself (KIP-848).

    handlers -> ConsumerGroupCoordinator -> ConsumerGroup (members, epochs, target) <- Changes -> offsets journal
                    |-> assignors            who should own what
                    |-> reconciliation       how one member gets there, step by step
                    |-> RegexResolver        which topics a regular expression means
                    |-> ClassicMembers       members that still speak JoinGroup, SyncGroup and Heartbeat
                    |-> conversion           classic group <-> consumer group

A request is one edit: its changes take effect at once, go into the journal as one entry when it is done, and are
taken back when it fails.  Answers never wait: a member learns of what others do with its next heartbeat.
"""
