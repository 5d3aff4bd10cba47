import pytest

import plan_golden

PLANS = plan_golden.read_golden("queries.txt")
COLUMNS = plan_golden.read_golden("columns.txt")
REFUSALS = plan_golden.read_golden("refusals.txt")


@pytest.mark.parametrize(("statement", "expected"), PLANS, ids=[s.split()[2] for s, _ in PLANS])
def test_statement_plans_as_recorded(statement: str, expected: str) -> None:
    assert plan_golden.plan_text(plan_golden.engine_with_sources(), statement) == expected


@pytest.mark.parametrize(("statement", "expected"), COLUMNS, ids=range(len(COLUMNS)))
def test_explain_says_what_runs_as_columns(statement: str, expected: str) -> None:
    assert plan_golden.column_text(plan_golden.engine_with_sources(), statement) == expected


@pytest.mark.parametrize(("statement", "expected"), REFUSALS, ids=range(len(REFUSALS)))
def test_refusal_says_what_is_wrong(statement: str, expected: str) -> None:
    assert expected.startswith("ERROR ")
    assert plan_golden.plan_text(plan_golden.engine_with_sources(), statement) == expected
