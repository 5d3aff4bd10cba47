"""One planner a statement: from its syntax to a Plan."""
