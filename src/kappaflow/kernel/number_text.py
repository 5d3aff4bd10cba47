"""Numbers as Java 17 reads and writes them.

``double_text`` gives what ``Double.toString`` of a JDK before 19 gives.  That is usually, but not always, the
shortest text that reads back: the old algorithm generates digits of the exact value until the remainder is
within half a unit in the last place, with a symmetric bound even at powers of two, with at least two digits in
scientific form, and with machine arithmetic that may wrap around.  Keys are partitioned by such text, so the
digits have to be the same.

Source: the behaviour of java.lang.Double on JDK 17, held by tests/conformance/jackson; G. L. Steele and
J. L. White, "How to Print Floating-Point Numbers Accurately", PLDI 1990.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal

_SIGNIFICAND_BITS = 52
_POWER_5_BITS = tuple(0 if i == 0 else (5**i).bit_length() for i in range(27))
_DOUBLE_TEXT = re.compile(
    r"[\x00-\x20]*([+-]?)(?:(NaN|Infinity)"
    r"|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?"
    r"|(0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?)[\x00-\x20]*"
)
_INTEGER_TEXT = re.compile(r"[+-]?\d+")
_DECIMAL_TEXT = re.compile(r"[+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?")


def double_text(value: float) -> str:
    """Return the text that Java 17 prints for a double.

    >>> double_text(1e10), double_text(0.001), double_text(2e-5), double_text(1e23)
    ('1.0E10', '0.001', '2.0E-5', '9.999999999999999E22')
    """
    if math.isnan(value):
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return sign + "0.0"
    magnitude = abs(value)
    digits, exponent = _shortest_digits(magnitude)
    # Below 2^53 a decimal of at most 15 digits is never halfway between two doubles and is the only one of its
    # length within half an ulp, so both algorithms stop at it; powers of two and subnormals have other bounds.
    is_plain = 2.2250738585072014e-308 <= magnitude < 9007199254740992.0
    if not is_plain or len(digits) > 15 or math.frexp(magnitude)[0] == 0.5:
        digits, exponent = _generated_digits(magnitude)
    return sign + _layout(digits, exponent)


def _shortest_digits(magnitude: float) -> tuple[str, int]:
    """Return shortest digits and the exponent e of 0.d1d2.. * 10^e."""
    mantissa, _, power = repr(magnitude).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    exponent = len(whole) + (int(power) if power else 0)
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    return stripped.rstrip("0") or "0", exponent


def _layout(digits: str, exponent: int) -> str:
    """Place the point: plain between 10^-3 and 10^7, scientific elsewhere."""
    if 0 < exponent < 8:
        if len(digits) <= exponent:
            return digits + "0" * (exponent - len(digits)) + ".0"
        return f"{digits[:exponent]}.{digits[exponent:]}"
    if -3 < exponent <= 0:
        return "0." + "0" * -exponent + digits
    return f"{digits[0]}.{digits[1:] or '0'}E{exponent - 1}"


def _wrap(value: int, bits: int) -> int:
    """Wrap to a signed machine integer; bits 0 means unbounded."""
    if not bits:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _decompose(magnitude: float) -> tuple[int, int, int]:
    """Return significand with its top bit at bit 52, binary exponent, and how many of its bits are real."""
    raw: int = struct.unpack(">q", struct.pack(">d", magnitude))[0]
    significand = raw & ((1 << _SIGNIFICAND_BITS) - 1)
    exponent = raw >> _SIGNIFICAND_BITS
    if exponent:
        return significand | 1 << _SIGNIFICAND_BITS, exponent - 1023, _SIGNIFICAND_BITS + 1
    real_bits = significand.bit_length()
    shift = _SIGNIFICAND_BITS + 1 - real_bits
    return significand << shift, 1 - shift - 1023, real_bits


def _generated_digits(magnitude: float) -> tuple[str, int]:
    significand, binary_exponent, real_bits = _decompose(magnitude)
    tail_zeros = (significand & -significand).bit_length() - 1
    fraction_bits = _SIGNIFICAND_BITS + 1 - tail_zeros
    tiny_bits = max(0, fraction_bits - binary_exponent - 1)
    if -21 <= binary_exponent <= 62 and tiny_bits == 0 and fraction_bits < 64:
        return _integer_digits(significand, binary_exponent, real_bits)

    fraction = (2.0**-_SIGNIFICAND_BITS) * significand
    estimate = (fraction - 1.5) * 0.289529654 + 0.176091259 + binary_exponent * 0.301029995663981
    decimal_exponent = math.floor(estimate)
    b5 = max(0, -decimal_exponent)
    s5 = max(0, decimal_exponent)
    b2 = b5 + tiny_bits + binary_exponent
    s2 = s5 + tiny_bits
    m2 = b2 - real_bits
    b2 -= fraction_bits - 1
    common = min(b2, s2)
    b2, s2, m2 = b2 - common, s2 - common, m2 - common
    if fraction_bits == 1:
        m2 -= 1
    if m2 < 0:
        b2, s2, m2 = b2 - m2, s2 - m2, 0
    width = _arithmetic_width(fraction_bits + b2 + _power_5_bits(b5), s2 + 1 + _power_5_bits(s5 + 1))
    b = (significand >> tail_zeros) * 5**b5 << b2
    return _divide_out(b, 5**s5 << s2, 5**b5 << m2, decimal_exponent, width)


def _power_5_bits(power: int) -> int:
    return _POWER_5_BITS[power] if power < len(_POWER_5_BITS) else power * 3


def _arithmetic_width(b_bits: int, ten_s_bits: int) -> int:
    widest = max(b_bits, ten_s_bits)
    return 32 if widest < 32 else 64 if widest < 64 else 0


def _integer_digits(significand: int, binary_exponent: int, real_bits: int) -> tuple[str, int]:
    """Digits of a value without fraction, its insignificant low digits rounded half up."""
    shift = binary_exponent - _SIGNIFICAND_BITS
    integer = significand << shift if shift >= 0 else significand >> -shift
    spare_bits = binary_exponent - real_bits - 1
    dropped = len(str(1 << spare_bits)) - 1 if spare_bits > 1 else 0
    if dropped:
        integer, residue = divmod(integer, 10**dropped)
        integer += residue >= 10**dropped >> 1
    text = str(integer)
    return text.rstrip("0"), len(text) + dropped


def _divide_out(b: int, s: int, m: int, decimal_exponent: int, width: int) -> tuple[str, int]:
    """Generate digits of b/s until the remainder is within m, then round the last one."""
    tens = s * 10
    digits: list[int] = []
    first = True
    while True:
        quotient, b = b // s, 10 * (b % s)
        m = _wrap(m * 10, width)
        if first or m > 0:
            low = b < m
            high = tens <= b + m if not width else _wrap(b + m, width) > tens
        else:
            low = high = True
        if first:
            first = False
            if quotient == 0 and not high:
                decimal_exponent -= 1
            else:
                digits.append(quotient)
            if not -3 <= decimal_exponent < 8:
                low = high = False
        else:
            digits.append(quotient)
        if low or high:
            break
    if high and (not low or 2 * b > tens or (2 * b == tens and digits[-1] & 1)):
        decimal_exponent += _round_up(digits)
    return "".join(map(str, digits)), decimal_exponent + 1


def _round_up(digits: list[int]) -> int:
    """Add one to the last digit in place; return 1 when the number got a digit longer."""
    position = len(digits) - 1
    while digits[position] == 9 and position:
        digits[position] = 0
        position -= 1
    if digits[position] == 9:
        digits[0] = 1
        return 1
    digits[position] += 1
    return 0


def parse_double(text: str) -> float:
    """Read a double as Java's ``Double.parseDouble`` does.

    Raises:
        ValueError: the text is not a Java floating-point literal.
    """
    match = _DOUBLE_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a double: {text!r}")
    sign, word, decimal, hexadecimal = match.groups()
    if word:
        value = math.nan if word == "NaN" else math.inf
    elif decimal:
        value = float(decimal)
    else:
        try:
            value = float.fromhex(hexadecimal)
        except OverflowError:
            value = math.inf
    return -value if sign == "-" else value


def parse_integer(text: str, bits: int) -> int:
    """Read an integer as ``Integer.parseInt`` (bits 32) or ``Long.parseLong`` (bits 64) does.

    Raises:
        ValueError: not an integer, or outside the range.
    """
    if _INTEGER_TEXT.fullmatch(text) is None or len(text) > 4000:
        raise ValueError(f"not an integer: {text!r}")
    value = int(text)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ValueError(f"out of range: {text}")
    return value


def parse_decimal(text: str) -> Decimal:
    """Read a decimal as ``new BigDecimal(text)`` does; there is no negative zero.

    Raises:
        ValueError: not a number, or its scale does not fit 32 bits.
    """
    match = _DECIMAL_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal: {text!r}")
    fraction = match.group(1) or match.group(2) or ""
    exponent = match.group(3)
    if exponent is not None:
        if len(exponent.lstrip("+-").lstrip("0")) > 10:
            raise ValueError("Too many nonzero exponent digits.")
        if not -(1 << 31) <= int(exponent) < 1 << 31:
            raise ValueError("Exponent overflow.")
        if not -(1 << 31) <= len(fraction) - int(exponent) < 1 << 31:
            raise ValueError("Scale out of range.")
    value = Decimal(text)
    return value if value else value.copy_abs()


def decimal_text(value: Decimal) -> str:
    """Return the text of ``BigDecimal.toString``: plain down to 10^-7, then scientific."""
    text = str(value)
    return text.lstrip("-") if not value else text


def plain_decimal_text(value: Decimal) -> str:
    """Return the text of ``BigDecimal.toPlainString``: never scientific, and zero has no sign."""
    return format(value if value else value.copy_abs(), "f")


def decimal_to_integer(value: Decimal, bits: int) -> int:
    """Truncate and keep the low bits, as ``BigDecimal.intValue`` and ``longValue`` do."""
    exponent = int(value.as_tuple().exponent)
    if exponent >= bits or not value or value.adjusted() < 0:
        return 0
    return _wrap(int(value), bits)
