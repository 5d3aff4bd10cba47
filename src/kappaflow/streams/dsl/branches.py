"""A stream split by predicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.streams import topology as run
from kappaflow.streams.columns.fan import BranchColumns, Choice
from kappaflow.streams.dsl.entries import Connected
from kappaflow.streams.dsl.expressions import predicate_of
from kappaflow.streams.dsl.graph import GraphNode, operator
from kappaflow.streams.dsl.stream import KStream
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.functions import Predicate
from kappaflow.streams.processors.records import BranchProcessor, PassThroughProcessor

Chain = Callable[[KStream], KStream | None]


class Branches:
    """Collects branches; `default_branch` or `no_default_branch` ends it with the streams by name.

    A branch is called by the split's name and its own, or its number; the default branch has number 0.
    """

    def __init__(self, source: KStream, name: str | None) -> None:
        self._source = source
        self._name = source.builder.graph.name_or_new(name, "KSTREAM-BRANCH-")
        self._choices: list[Predicate | None] = []
        self._branches: dict[str, KStream] = {}
        self._node = operator(self._name, self._splitting)
        source.builder.graph.add(self._node, source.node)

    def _splitting(self, at: Connected) -> run.Node:
        choices = list(self._choices)

        def columns(context: Any, _: Any) -> Choice:
            context.shared[at.name] = Choice(choices)
            return context.shared[at.name]

        return run.Operator(
            name=at.name,
            make=lambda c, _: BranchProcessor(at.name, c, [(choice, i) for i, choice in enumerate(choices)]),
            columns=columns if all(choice is None or choice.columnar for choice in choices) else None,
            splits=True,
        )

    def branch(
        self, predicate: Callable[..., bool] | Expression, *, name: str | None = None, chain: Chain | None = None
    ) -> Branches:
        """Take the records for which the predicate is true and that no earlier branch took.

        Args:
            chain: is given the branch; what it returns is what the result holds, nothing if it returns None.
        """
        number = sum(1 for each in self._choices if each is not None) + 1
        self._add(predicate_of(predicate, self._source, negated=False), str(number) if name is None else name, chain)
        return self

    def default_branch(self, *, name: str | None = None, chain: Chain | None = None) -> dict[str, KStream]:
        """Take the records that no branch took, and return all branches by name."""
        self._add(None, "0" if name is None else name, chain)
        return self._branches

    def no_default_branch(self) -> dict[str, KStream]:
        """Return the branches by name; records that none took are dropped."""
        return self._branches

    def _add(self, predicate: Predicate | None, name: str, chain: Chain | None) -> None:
        source, graph = self._source, self._source.builder.graph
        made = self._name + name
        graph.new_name(made)
        number, split = len(self._choices), self._name
        self._choices.append(predicate)

        def taking(at: Connected) -> run.Node:
            return run.Operator(
                name=at.name,
                make=lambda c, _: PassThroughProcessor(at.name, c),
                columns=lambda c, _: BranchColumns(c.shared[split], number),
            )

        node: GraphNode = graph.add(operator(made, taking), self._node)
        branch = KStream(
            source.builder,
            made,
            source.key_serde,
            source.value_serde,
            source.sources,
            node,
            needs_repartition=source.needs_repartition,
        )
        kept = branch if chain is None else chain(branch)
        if kept is not None:
            self._branches[made] = kept
