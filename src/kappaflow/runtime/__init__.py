"""The outside world behind small faces, so that a test can stand in for it.

    clock    what time it is              disk     files, syncs, directories
    memory   what the C library keeps     crash_points  where a test may stop a process
    messages texts for people             logging  events, one line each       closing  ends of `with` blocks
    lazy_names  names that are imported on first use       cache_directory  what can be made again

Nothing here knows Kafka.  The network has no face of its own: `kappaflow.wire` is free of it, and who speaks over
sockets (broker, client, server) owns them.
"""
