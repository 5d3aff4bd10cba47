"""JSON with Decimals as they were written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def dump_json(value: Any) -> str:
    """Write JSON with Decimals as they were written.

    >>> dump_json({"a": [Decimal("1.50"), None, True, "x"]})
    '{"a":[1.50,null,true,"x"]}'
    """
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{dump_json(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(dump_json(item) for item in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
