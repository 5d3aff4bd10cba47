"""Running topologies: tasks, the merged order of records, the worker's loop.

fetched chunks -> PartitionGroup (merged order) -> Task (operators over stores) -> sinks -> producer -> commit
"""
