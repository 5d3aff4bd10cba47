"""Running topologies: tasks, the merged order of records, commits, and the loop of a thread.

    StreamThread -> Session (one stay in the group) -> task_opening -> restore -> RowTask | ColumnarTask
        fetched chunks -> partition_group | column_group (merged order) -> operators over stores -> outputs -> producer
        commit: at_least_once | exactly_once

    task_assignor   who runs which tasks          internal_topics   repartition topics and changelogs
    global_tables   read by every instance        error_handling    what becomes of a record that fails

Not here: what operators do (kappaflow.streams.processors, kappaflow.streams.columns); how bytes come and go
(kappaflow.client).
"""
