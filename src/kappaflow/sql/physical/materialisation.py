"""How the rows of a table are found again in the store of the query that makes it.

A table's rows are the rows of the last store below its sink, put through the filters and projections between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kappaflow.serde.schema import Schema, WindowInfo
from kappaflow.sql.physical import steps as s

Transform = s.TableFilter | s.TableSelect


@dataclass(frozen=True, slots=True)
class Materialisation:
    """A store and what makes a table's rows of its rows.

    Attributes:
        schema: of the rows in the store; an aggregate's rows are read through its `result` first.
        transforms: steps between the store and the sink, first to last.
        aggregate: the step whose states the store holds, or None when it holds plain rows.
    """

    store: str
    schema: Schema
    window: WindowInfo | None
    transforms: tuple[Transform, ...]
    aggregate: s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate | None = None


def materialise(last: s.Step) -> tuple[s.Step, Materialisation | None]:
    """Return the steps with their last store in place, and how to read it."""
    transforms: list[Transform] = []
    step = last
    while isinstance(step, s.TableFilter | s.TableSelect):
        transforms.append(step)
        step = step.input
    found = tuple(reversed(transforms))
    if isinstance(step, s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate):
        return last, Materialisation(step.store, step.schema, step.window, found, step)
    if isinstance(step, s.TableSource):
        held: s.Step = replace(step, materialised=True)
        return _rebuilt(found, held), Materialisation(step.store, step.schema, step.window, found)
    if isinstance(step, s.TableTableJoin | s.ForeignKeyTableTableJoin):
        store = f"{step.name}-Materialize"
        held = s.TableMaterialise(
            step,
            store,
            step.left_formats,
            name=step.name,
            schema=step.schema,
            window=step.window,
            pseudo_columns=step.pseudo_columns,
        )
        return _rebuilt(found, held), Materialisation(store, step.schema, step.window, found)
    return last, None


def _rebuilt(transforms: tuple[Transform, ...], first: s.Step) -> s.Step:
    step = first
    for transform in transforms:
        step = replace(transform, input=step)
    return step
