"""A topology as text, byte for byte as Kafka Streams' ``Topology.describe()`` prints it, so that its viewers read it.

The order of what is printed follows from Java: parts in the order of their first nodes, nodes by how many lie behind
them and then by name, neighbours in a tree that is filled in the order of a hash map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_LOAD_FACTOR = 0.75
_FIRST_CAPACITY = 16


@dataclass(frozen=True, slots=True)
class DescribedNode:
    """One node to print.

    Attributes:
        kind: ``Source``, ``Processor`` or ``Sink``.
        detail: what stands in parentheses, such as ``topics: [orders]``.
    """

    name: str
    kind: str
    detail: str
    predecessors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribedPart:
    """A part that runs as tasks of its own, or a global store."""

    nodes: tuple[DescribedNode, ...]
    is_global: bool = False


def describe(parts: Sequence[DescribedPart]) -> str:
    """Print the parts, numbered in their order."""
    numbered = list(enumerate(parts))
    blocks: list[str] = []
    for number, part in numbered:
        blocks.append(_global(number, part) if part.is_global else _subtopology(number, part))
    return "Topologies:\n " + "".join(f"  {block}" for block in blocks)


def _global(number: int, part: DescribedPart) -> str:
    source, processor = part.nodes
    return (
        f"Sub-topology: {number} for global store (will not generate tasks)\n"
        f"    Source: {source.name} ({source.detail})\n      --> {processor.name}\n"
        f"    Processor: {processor.name} ({processor.detail})\n      --> none\n      <-- {source.name}\n"
    )


@dataclass(eq=False, slots=True)
class _Placed:
    """A node while it is placed; compared as Java's comparator does at that moment."""

    node: DescribedNode
    size: int = 1
    before: _Tree = field(init=False)
    behind: _Tree = field(init=False)

    def __post_init__(self) -> None:
        self.before, self.behind = _Tree(), _Tree()

    def grow(self, by: int) -> None:
        """Count what lies behind it now, here and at all before it."""
        self.size += by
        for predecessor in self.before.items:
            predecessor.grow(by)


class _Tree:
    """A sorted set as a red-black tree whose order is decided when something is added.

    Sizes that change later move nothing, so that the tree may be out of order; where the next one goes then depends
    on the tree's shape.  Source: ``java.util.TreeMap``.
    """

    def __init__(self) -> None:
        self._root: _Branch | None = None

    def add(self, placed: _Placed) -> None:
        """Add a node unless it is there."""
        at, parent, left = self._root, None, False
        while at is not None:
            if at.item is placed:
                return
            parent = at
            left = (-placed.size, placed.node.name) < (-at.item.size, at.item.node.name)
            at = at.left if left else at.right
        branch = _Branch(placed, parent)
        if parent is None:
            self._root = branch
        elif left:
            parent.left = branch
        else:
            parent.right = branch
        self._balance(branch)

    def _balance(self, at: _Branch) -> None:
        at.red = True
        while at is not self._root and at.parent is not None and at.parent.red:
            above = at.parent.parent
            assert above is not None
            is_left = at.parent is above.left
            uncle = above.right if is_left else above.left
            if uncle is not None and uncle.red:
                at.parent.red = uncle.red = False
                above.red = True
                at = above
                continue
            if at is (at.parent.right if is_left else at.parent.left):
                at = at.parent
                self._rotate(at, to_left=is_left)
            assert at.parent is not None
            at.parent.red = False
            above.red = True
            self._rotate(above, to_left=not is_left)
        assert self._root is not None
        self._root.red = False

    def _rotate(self, at: _Branch, *, to_left: bool) -> None:
        up = at.right if to_left else at.left
        assert up is not None
        moved = up.left if to_left else up.right
        if to_left:
            at.right, up.left = moved, at
        else:
            at.left, up.right = moved, at
        if moved is not None:
            moved.parent = at
        up.parent = at.parent
        if at.parent is None:
            self._root = up
        elif at.parent.left is at:
            at.parent.left = up
        else:
            at.parent.right = up
        at.parent = up

    @property
    def items(self) -> list[_Placed]:
        """The nodes in the tree's order."""
        return [] if self._root is None else list(self._root.walk())

    def names(self) -> str:
        """The names, or ``none``."""
        return ", ".join(each.node.name for each in self.items) or "none"


@dataclass(eq=False, slots=True)
class _Branch:
    item: _Placed
    parent: _Branch | None
    left: _Branch | None = None
    right: _Branch | None = None
    red: bool = False

    def walk(self) -> Iterator[_Placed]:
        """Yield items from left to right."""
        if self.left is not None:
            yield from self.left.walk()
        yield self.item
        if self.right is not None:
            yield from self.right.walk()


def _subtopology(number: int, part: DescribedPart) -> str:
    placed = {node.name: _Placed(node) for node in part.nodes}
    for name in hash_order(hash_order(placed)):
        node = placed[name]
        for predecessor_name in node.node.predecessors:
            predecessor = placed[predecessor_name]
            node.before.add(predecessor)
            predecessor.behind.add(node)
            predecessor.grow(node.size)
    lines = [f"Sub-topology: {number}\n"]
    for each in sorted(placed.values(), key=lambda each: (-each.size, each.node.name)):
        lines.append(f"    {each.node.kind}: {each.node.name} ({each.node.detail})\n")
        if each.node.kind != "Sink":
            lines.append(f"      --> {each.behind.names()}\n")
        if each.node.kind != "Source":
            lines.append(f"      <-- {each.before.names()}\n")
    return "".join(lines) + "\n"


def java_hash(text: str) -> int:
    """Return ``String.hashCode``.

    >>> java_hash("KSTREAM")
    299605899
    """
    found = 0
    data = text.encode("utf-16-be")
    for at in range(0, len(data), 2):
        found = (31 * found + int.from_bytes(data[at : at + 2], "big")) & 0xFFFFFFFF
    return found - (1 << 32) if found >> 31 else found


def hash_order(names: Iterable[str] | Mapping[str, object]) -> list[str]:
    """Return names in the order in which a Java ``HashMap`` gives them that they were put into one by one."""
    listed = list(dict.fromkeys(names))
    capacity = _FIRST_CAPACITY
    while len(listed) > capacity * _LOAD_FACTOR:
        capacity *= 2

    def bucket(name: str) -> int:
        code = java_hash(name) & 0xFFFFFFFF
        return (code ^ (code >> 16)) & (capacity - 1)

    return sorted(listed, key=bucket)


def listed(names: Iterable[str]) -> str:
    """Print a set of names as Java does."""
    return f"[{', '.join(hash_order(names))}]"
