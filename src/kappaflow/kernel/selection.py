"""Which implementation runs: the native kernel where it is installed, else the Python twins that define it.

``KAPPA_KERNEL=python`` chooses the twins although the native kernel is there.
"""

from __future__ import annotations

import os
from typing import Final, Literal


def native_available() -> bool:
    """Whether the native kernel is installed and loads."""
    try:
        from kappaflow.kernel import _native
    except ImportError:
        return False
    return bool(_native)


USE_NATIVE: Final = os.environ.get("KAPPA_KERNEL") != "python" and native_available()


def backend() -> Literal["native", "python"]:
    """The implementation that the functions of `kappaflow.kernel` use in this process."""
    return "native" if USE_NATIVE else "python"
