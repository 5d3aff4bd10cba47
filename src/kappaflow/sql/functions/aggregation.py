"""What an aggregate function does to the state of one group.

A state is a tuple with one element per state column, so that the kernel can hold each in a column of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.types import DataType, Struct, StructField

State = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """A resolved call, as a factory sees it.

    Attributes:
        types: types of all arguments, literal ones too; None for a bare NULL.
        literals: values of the literal arguments, in order.
        settings: session properties such as ``ksql.functions.collect_list.limit``.
    """

    types: tuple[DataType | None, ...]
    literals: tuple[Any, ...]
    settings: dict[str, str]

    def at_least_one(self, index: int, name: str) -> int:
        """Return the literal argument `index`, a number of values to keep that messages call `name`.

        Raises:
            StatementError: it is below 1 or NULL.
        """
        number = self.literals[index]
        if number is None or number < 1:
            raise StatementError(f"{name} must be 1 or greater. Got {'NULL' if number is None else number}.")
        return int(number)

    def ignores_nulls(self, index: int) -> bool:
        """Return the literal argument `index` that says whether NULLs are left out; they are where it is not given.

        Raises:
            StatementError: it is NULL.
        """
        if index >= len(self.literals):
            return True
        if self.literals[index] is None:
            raise StatementError("ignoreNulls must be TRUE or FALSE. Got NULL.")
        return bool(self.literals[index])


@dataclass(frozen=True, slots=True)
class Aggregation:
    """The steps of one aggregate call.

    Attributes:
        state_types: one per state column.
        returns: type of the result.
        initial: the state of an empty group.
        add: (argument values, state) -> state.
        result: state -> value.
        undo: (argument values, state) -> state; None where rows cannot be taken back (streams only).
        merge: (left, right) -> state, for session windows.
        folds: kernel accumulator kinds, one per state column, over the first argument; None: row form only.
        state_names: field names of a state with several columns.
    """

    state_types: tuple[DataType, ...]
    returns: DataType
    initial: Callable[[], State]
    add: Callable[[tuple[Any, ...], State], State]
    result: Callable[[State], Any]
    merge: Callable[[State, State], State]
    undo: Callable[[tuple[Any, ...], State], State] | None = None
    folds: tuple[str, ...] | None = None
    state_names: tuple[str, ...] = ()

    @property
    def intermediate_type(self) -> DataType:
        """The state as one type: what the value format has to be able to hold."""
        if len(self.state_types) == 1:
            return self.state_types[0]
        fields = zip(self.state_names, self.state_types, strict=True)
        return Struct(tuple(StructField(name, data_type) for name, data_type in fields))


AggregationFactory = Callable[[AggregateCall], Aggregation]
