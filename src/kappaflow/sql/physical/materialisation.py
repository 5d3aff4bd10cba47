"""How the rows of a table are found again in the store of the query that makes it.

A table's rows are the rows of the last store below its sink, put through the filters and projections between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kappaflow.serde.schema import Column, Namespace, Schema, WindowInfo
from kappaflow.sql.ast.expressions import ColumnReference
from kappaflow.sql.logical.plan import NamedExpression
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
    if isinstance(step, s.TableSource) and (step.schema.headers or step.reads_position):
        # A store keeps keys, values and times: what else the projection reads is kept in its result only.
        store = f"{last.name}-Materialize"
        return _kept(last, store, step.formats), Materialisation(store, last.schema, last.window, ())
    if isinstance(step, s.TableSource):
        held: s.Step = replace(step, materialised=True)
        return _rebuilt(found, held), Materialisation(step.store, step.schema, step.window, found)
    if isinstance(step, s.TableTableJoin | s.ForeignKeyTableTableJoin):
        store = f"{step.name}-Materialize"
        held = _kept(step, store, step.left_formats)
        return _rebuilt(found, held), Materialisation(store, step.schema, step.window, found)
    return last, None


def _kept(step: s.Step, store: str, formats: s.Formats) -> s.TableMaterialise:
    return s.TableMaterialise(
        step,
        store,
        formats,
        name=step.name,
        schema=step.schema,
        window=step.window,
        pseudo_columns=step.pseudo_columns,
    )


def keep_source(source: s.TableSource) -> tuple[s.Step, Materialisation]:
    """Return the steps that keep a source table's rows, and how to read them; columns of headers become values."""
    if not source.schema.headers:
        held = replace(source, materialised=True)
        return held, Materialisation(held.store, held.schema, held.window, ())
    others = [column for column in source.schema if column.namespace is not Namespace.KEY]
    columns = tuple(NamedExpression(c.name, ColumnReference(c.name), Column(c.name, c.type)) for c in others)
    schema = with_headers_as_values(source.schema)
    select = s.TableSelect(source, columns, name=f"{source.name}-Select", schema=schema, window=source.window)
    step, held = materialise(select)
    assert held is not None
    return step, held


def with_headers_as_values(schema: Schema) -> Schema:
    """Return a schema whose columns of headers are value columns, as stores keep them."""
    return Schema(tuple(Column(c.name, c.type) if c.namespace is Namespace.HEADERS else c for c in schema))


def _rebuilt(transforms: tuple[Transform, ...], first: s.Step) -> s.Step:
    step = first
    for transform in transforms:
        step = replace(transform, input=step)
    return step
