"""One topic of the reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A page.

    Attributes:
        name: of the page's file.
        title: heading.
        syntax: the forms of it, a line each; empty for what has none.
        about: paragraphs.
        example: statements; what they print stands on the page too.
    """

    name: str
    title: str
    syntax: str
    about: str
    example: str
