"""What a database says that is asked after `close`."""

from __future__ import annotations

import pytest

from kappaflow.database.database import Database
from kappaflow.errors import ServerError


@pytest.mark.parametrize("text", ["SELECT * FROM orders EMIT CHANGES;", "SHOW STREAMS;"])
def test_a_closed_database_says_so(text: str) -> None:
    database = Database("http://127.0.0.1:1")
    assert not database.closed
    database.close()
    assert database.closed
    with pytest.raises(ServerError, match="closed"):
        database.sql(text)
