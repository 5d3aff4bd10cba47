"""What the reference says of statements, types and formats; of functions their registry says it.

`make docs` writes docs/reference/sql from this: every example is executed, and the page shows what it printed.
"""

from __future__ import annotations
