"""pyarrow imports pandas when it is told to make something of it, not with the first array."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pandas")

PROGRAM = """
import sys

import pyarrow as pa
import pyarrow.compute as pc

from kappaflow.serde.arrow_without_pandas import look_again, look_without_pandas

look_without_pandas()
pc.add(pa.array([1, 2]), pa.scalar(2))
look_again()
assert "pandas" not in sys.modules
assert not any(type(finder).__name__ == "_Hidden" for finder in sys.meta_path)
{imports}
import pandas as pd
assert pa.array(pd.Series([1.0, float("nan")])).null_count == 1
assert pa.array([0]).to_pandas().tolist() == [0]
"""


@pytest.mark.parametrize("imports", ["import pandas; look_again()", "pa.table({'a': [1]}).to_pandas()"])
def test_pandas_is_imported_by_those_who_want_it(imports: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM.format(imports=imports)], check=True, timeout=60)


def test_without_it_the_first_array_imports_pandas() -> None:
    """What the module is for; where pyarrow has stopped doing so, the module can go."""
    program = "import sys, pyarrow as pa; pa.array([1]); sys.exit('pandas' not in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
