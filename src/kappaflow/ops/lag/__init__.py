"""The lag doctor: why a group is behind, with the evidence and the next command.

    sample_groups ─▶ GroupWindow          some looks at offsets, ends and members        sampling.py
          │
          ├── status_of ──▶ per partition OK, WARN, STALL, STOP, REWIND (Burrow's rules)  statuses.py
          └── diagnose  ──▶ Verdict       one cause, evidence, next command              diagnosis.py
                 └── closer looks: hot keys, hanging transactions                         closer.py

`examine_groups` does all of it (examining.py). Statuses and diagnosis are pure: a window in, a verdict out.
"""

from kappaflow.ops.lag.closer import CloserLook, closer_look
from kappaflow.ops.lag.diagnosis import Cause, Verdict, diagnose
from kappaflow.ops.lag.examining import examine, examine_groups
from kappaflow.ops.lag.sampling import GroupSample, GroupWindow, sample_group, sample_groups
from kappaflow.ops.lag.statuses import PartitionStatus, Status, status_of

__all__ = [
    "Cause",
    "CloserLook",
    "GroupSample",
    "GroupWindow",
    "PartitionStatus",
    "Status",
    "Verdict",
    "closer_look",
    "diagnose",
    "examine",
    "examine_groups",
    "sample_group",
    "sample_groups",
    "status_of",
]
