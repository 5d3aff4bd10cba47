"""The shape of a statement: its text with strings and whole numbers taken out.

Texts of one shape differ in those literals only, so what is known of one (its plan, say) serves for the others:

>>> shape_of("SELECT n FROM t WHERE k = 'a' AND v < 10;")
('SELECT n FROM t WHERE k = ? AND v < #;', ('a', 10))
"""

from __future__ import annotations

import re

Literal = str | int

# Comments, quoted names, words, numbers with a fraction and the number of LIMIT stay in the shape.
_TOKENS = re.compile(
    r"""(?P<string>'(?:''|[^'])*')
      | (?P<integer>[0-9]{1,19}(?![A-Za-z0-9_@.]))
      | --[^\r\n]* | /\*(?:.|\n)*?\*/ | "(?:""|[^"])*" | `(?:``|[^`])*`
      | \b[Ll][Ii][Mm][Ii][Tt]\s+[0-9]+
      | [A-Za-z_0-9.][A-Za-z0-9_@.]*""",
    re.VERBOSE,
)


def shape_of(text: str) -> tuple[str, tuple[Literal, ...]]:
    """Return the shape of `text` and the literals that were taken out, in order."""
    literals: list[Literal] = []

    def take(match: re.Match[str]) -> str:
        token = match.group()
        if match.lastgroup == "string":
            literals.append(token[1:-1].replace("''", "'"))
            return "?"
        if match.lastgroup == "integer":
            literals.append(int(token))
            return "#"
        return token

    return _TOKENS.sub(take, text), tuple(literals)
