"""Masking: letters and digits replaced by fixed characters, so that the shape of a value stays visible."""

from __future__ import annotations

from unicodedata import category

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.java_text import by_units
from kappaflow.sql.functions.registry import Definition, scalar

_CATEGORY = "STRING"
_DEFAULTS = ("X", "x", "n", "-")
_FOUR = "mask_upper STRING, mask_lower STRING, mask_digit STRING, mask_other STRING"

Masks = tuple[str | None, ...]


@by_units
def _masked(text: str, masks: Masks) -> str:
    upper, lower, digit, other = masks
    by_category = {"Lu": upper, "Ll": lower, "Nd": digit}
    result: list[str] = []
    for character in text:
        mask = by_category.get(category(character), other)
        result.append(character if mask is None else mask)
    return "".join(result)


def _one_each(masks: Masks) -> Masks:
    """Check the masks: each one character, or NULL to leave such characters alone."""
    for mask in masks:
        if mask is not None and len(mask) != 1:
            raise FunctionError(f"Invalid mask character: '{mask}'. Masks are one character, or NULL.")
    return masks


_mask = scalar("mask", _CATEGORY, "Masks a whole string.", ("MASK('Ab1!') -> 'Xxn-'",))


@_mask("(input STRING) -> STRING", total=True)
def _whole(text: str) -> str:
    return _masked(text, _DEFAULTS)


@_mask(f"(input STRING, {_FOUR}) -> STRING", null_in=True)
def _whole_with(text: str | None, *masks: str | None) -> str | None:
    return None if text is None else _masked(text, _one_each(masks))


def _define(name: str, description: str, example: str, keep: bool, left: bool) -> None:
    define: Definition = scalar(name, _CATEGORY, description, (example,))

    @by_units
    def apply(text: str, count: int, masks: Masks) -> str:
        if count < 0:
            raise FunctionError(f"{name.upper()} needs a number of characters of 0 or more, got {count}.")
        cut = min(count, len(text)) if left else max(len(text) - count, 0)
        head, tail = text[:cut], text[cut:]
        masks_head = left != keep
        return _masked(head, masks) + tail if masks_head else head + _masked(tail, masks)

    @define("(input STRING, num_chars INT) -> STRING")
    def _plain(text: str, count: int) -> str:
        return apply(text, count, _DEFAULTS)

    @define(f"(input STRING, num_chars INT, {_FOUR}) -> STRING", null_in=True)
    def _with_masks(text: str | None, count: int | None, *masks: str | None) -> str | None:
        return None if text is None or count is None else apply(text, count, _one_each(masks))


_define("mask_left", "Masks the first n characters.", "MASK_LEFT('Abc', 1) -> 'Xbc'", keep=False, left=True)
_define("mask_right", "Masks the last n characters.", "MASK_RIGHT('Abc', 1) -> 'Abx'", keep=False, left=False)
_define(
    "mask_keep_left", "Masks all but the first n characters.", "MASK_KEEP_LEFT('Abc', 1) -> 'Axx'", keep=True, left=True
)
_define(
    "mask_keep_right",
    "Masks all but the last n characters.",
    "MASK_KEEP_RIGHT('Abc', 1) -> 'Xxc'",
    keep=True,
    left=False,
)
