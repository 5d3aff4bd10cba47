"""Where things are kept that can be made again: jars, compiled programs, a parser's tables."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return ``KAPPA_CACHE_DIR``, else kappaflow's part of the user's cache folder."""
    explicit = os.environ.get("KAPPA_CACHE_DIR")
    if explicit:
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kappaflow"
