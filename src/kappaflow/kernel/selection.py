"""Which implementation runs: the native kernel where it is installed, else the Python twins that define it.

``KAPPA_KERNEL=python`` chooses the twins although the native kernel is there.
"""

from __future__ import annotations

import os
from typing import Literal

try:
    from kappaflow.kernel import _native

    AVAILABLE = bool(_native)
except ImportError:
    AVAILABLE = False

USE_NATIVE = AVAILABLE and os.environ.get("KAPPA_KERNEL") != "python"


def backend() -> Literal["native", "python"]:
    """The implementation that the functions of `kappaflow.kernel` use in this process."""
    return "native" if USE_NATIVE else "python"
