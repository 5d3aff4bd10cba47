"""A whole world in one thread: broker, clients, workers, disk, network and time, all decided by one seed.

    seed ──▶ World ── Scheduler (virtual time)
                │        ├── broker process ── real dispatch, handlers, coordinators, storage ── SimulatedDisk
                │        ├── clients ── frames ── SimulatedNetwork (drops, delays, duplicates, cuts)
                │        └── workers ── real tasks, commit and restore of the engine
                ├── Faults: kills at any disk operation, power losses, full and failing disks, partitions
                └── Checks: after every step, after every restart, and at the end

``kappaflow.testing.simulation.run.simulate(seed)`` runs one; the same seed gives the same steps.  It holds no second
implementation of what it tests: only clients, whose protocol is the brokers', are its own.
"""
