r"""What the flags and the line ends of java.util.regex mean to Python's `re`.

A flag of Java holds from where it stands to the end of its group, alternatives included: ``a(?i)b|c`` is
``a(?i:b)|(?i:c)``.  Lines end with more than ``\n``, and ``$`` stands before the last of those ends, too.
Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

INLINE: Final = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_FIELDS = {
    "i": "ignore_case", "u": "unicode_case", "s": "dot_all", "m": "multiline", "d": "unix_lines", "x": "comments",
}  # fmt: skip
_LINE_END = r"(?:\r\n|(?<!\r)\n|[\r\x85\u2028\u2029])"


@dataclass(frozen=True, slots=True)
class Flags:
    r"""The flags at a place of a pattern.

    Attributes:
        ignore_case: letters match in either case, those beyond ASCII only with `unicode_case`.
        dot_all: ``.`` is any character.
        multiline: ``^`` and ``$`` stand at every line.
        unix_lines: only ``\n`` ends a line.
        comments: blanks and comments in the pattern do not count.
    """

    ignore_case: bool = False
    unicode_case: bool = False
    dot_all: bool = False
    multiline: bool = False
    unix_lines: bool = False
    comments: bool = False

    def changed(self, on: str, off: str) -> Flags:
        """Return the flags with some set and some unset.

        Raises:
            ValueError: a letter is no flag, or one without a form here.
        """
        unknown = "".join(sorted({*on, *off} - _FIELDS.keys()))
        if unknown:
            raise ValueError(f"Unknown inline modifier {unknown}")
        switched = {_FIELDS[letter]: letters is on for letters in (on, off) for letter in letters}
        return replace(self, **switched)

    @property
    def by_unicode(self) -> bool:
        """Whether Python reads the pattern by Unicode, and so would read ``\\w`` and the like."""
        return self.ignore_case and self.unicode_case

    def opening(self, before: Flags) -> str:
        """Return how a group begins in which these flags hold, where outside of it `before` do."""
        on = off = ""
        if self.by_unicode != before.by_unicode:
            on = "u" if self.by_unicode else "a"
        if self.ignore_case != before.ignore_case:
            on, off = (f"i{on}", "") if self.ignore_case else (on, "-i")
        return f"(?{on}{off}:"

    def any_character(self) -> str:
        """Return the form of ``.``."""
        if self.dot_all:
            return r"[\x00-\U0010ffff]"
        return r"[^\n]" if self.unix_lines else r"[^\n\r\x85\u2028\u2029]"

    def line_start(self) -> str:
        """Return the form of ``^``, which does not stand behind the last line end of a text."""
        if not self.multiline:
            return r"(?:\A)"
        if self.unix_lines:
            return r"(?:(?!\Z)(?:\A|(?<=\n)))"
        return r"(?:(?!\Z)(?:\A|(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n)))"

    def line_end(self) -> str:
        """Return the form of ``$``."""
        return rf"(?=\Z|{self._end()})" if self.multiline else self.last_line_end()

    def last_line_end(self) -> str:
        r"""Return the form of ``\Z``: at the end, or before the line end that stands there."""
        return rf"(?={self._end()}?\Z)"

    def _end(self) -> str:
        return r"\n" if self.unix_lines else _LINE_END
