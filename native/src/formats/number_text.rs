//! Numbers as Java 17 writes them; see the Python twin `kappaflow.kernel.number_text` for why.
use std::io::Write;

const POWERS_OF_TEN: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// Any decimal of so many digits is told apart from any other by the double next to it.
const EXACT_DIGITS: i32 = 15;
/// Digits that are generated at once where no shorter decimal reads back; one more has come before.
const BULK_DIGITS: usize = 14;
const BULK: u64 = 10u64.pow(BULK_DIGITS as u32);

/// Appends the text of `Double.toString`.
pub fn push_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        return out.extend_from_slice(b"Infinity");
    }
    if magnitude == 0.0 {
        return out.extend_from_slice(b"0.0");
    }
    let is_power_of_two = magnitude.to_bits() & ((1 << 52) - 1) == 0;
    if (1e-3..1e15).contains(&magnitude) && !is_power_of_two {
        let (digits, exponent) = exact_digits(magnitude).unwrap_or_else(|| generated_digits(magnitude, true));
        return push_layout(out, digits.as_slice(), exponent);
    }
    if is_power_of_two && push_short_decimal(out, magnitude) {
        return;
    }
    let (digits, exponent) = shortest_digits(magnitude);
    let is_plain = (f64::MIN_POSITIVE..9007199254740992.0).contains(&magnitude);
    if is_plain && !is_power_of_two && digits.len() <= EXACT_DIGITS as usize {
        push_layout(out, digits.as_slice(), exponent);
    } else {
        let (digits, exponent) = generated_digits(magnitude, false);
        push_layout(out, digits.as_slice(), exponent);
    }
}

/// The digits of the decimal of at most 15 digits that reads back, if there is one; there is no other then.
///
/// For 0.001 to 1e15: both the decimal without its point and the power of ten are exact as doubles, so their
/// quotient is the double that the decimal is read as.
fn exact_digits(magnitude: f64) -> Option<(Digits, i32)> {
    let binary_exponent = (magnitude.to_bits() >> 52) as i32 - 1023;
    // At most one too small: the exponent e of 0.d1d2.. * 10^e.
    let mut exponent = (binary_exponent * 1233 >> 12) + 1;
    let places = (EXACT_DIGITS - exponent) as usize;
    let mut power = POWERS_OF_TEN[places];
    // The right decimal is near enough for this rounding, and any other fails below.
    let mut scaled = (magnitude * power + 0.5) as u64;
    if scaled >= 1_000_000_000_000_000 {
        if places == 0 {
            return None;
        }
        exponent += 1;
        power = POWERS_OF_TEN[places - 1];
        scaled = (magnitude * power + 0.5) as u64;
    }
    if scaled as f64 / power != magnitude {
        return None;
    }
    let mut count = EXACT_DIGITS as usize;
    for (zeros, power) in [(8, 100_000_000), (4, 10_000), (2, 100), (1, 10)] {
        if scaled.is_multiple_of(power) {
            scaled /= power;
            count -= zeros;
        }
    }
    let mut digits = Digits::new();
    digits.push_all(scaled, count);
    Some((digits, exponent))
}

/// Appends powers of two with at most four decimals, as both algorithms do.
fn push_short_decimal(out: &mut Vec<u8>, magnitude: f64) -> bool {
    if !(1e-3..1e7).contains(&magnitude) {
        return false;
    }
    for (scale, power) in POWERS_OF_TEN[..5].iter().enumerate() {
        let scaled = (magnitude * power).round();
        if scaled / power == magnitude {
            let scaled = scaled as u64;
            let power = *power as u64;
            push_u64(out, scaled / power);
            out.push(b'.');
            let fraction = scaled % power;
            let at = out.len();
            out.resize(at + scale.max(1), b'0');
            let mut rest = fraction;
            for slot in out[at..at + scale].iter_mut().rev() {
                *slot = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            return true;
        }
    }
    false
}

/// Appends an unsigned integer.
pub fn push_u64(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = 20;
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a signed integer.
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Appends a decimal: plain, or as `BigDecimal.toString` prints it.
pub fn push_decimal(out: &mut Vec<u8>, unscaled: i128, scale: usize, scientific: bool) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut digits = [0u8; 40];
    let mut at = 40;
    let mut rest = unscaled.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = &digits[at..];
    let adjusted = digits.len() as i64 - 1 - scale as i64;
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if scientific && adjusted < -6 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(b"E-");
        push_u64(out, adjusted.unsigned_abs());
    } else if digits.len() > scale {
        let point = digits.len() - scale;
        out.extend_from_slice(&digits[..point]);
        out.push(b'.');
        out.extend_from_slice(&digits[point..]);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

/// 00 to 99.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0u8; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Digits without a heap.
struct Digits {
    bytes: [u8; 24],
    length: usize,
}

impl Digits {
    fn new() -> Self {
        Digits { bytes: [0; 24], length: 0 }
    }

    fn push(&mut self, digit: u8) {
        self.bytes[self.length] = b'0' + digit;
        self.length += 1;
    }

    /// Appends a number as so many digits.
    fn push_all(&mut self, number: u64, count: usize) {
        let mut rest = number;
        let end = self.length + count;
        let mut at = end;
        while at >= self.length + 2 {
            let pair = (rest % 100) as usize;
            rest /= 100;
            at -= 2;
            self.bytes[at..at + 2].copy_from_slice(&PAIRS[pair]);
        }
        if at > self.length {
            self.bytes[at - 1] = b'0' + rest as u8;
        }
        self.length = end;
    }

    fn len(&self) -> usize {
        self.length
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds one to the last digit; true when the number got a digit longer.
    fn round_up(&mut self) -> bool {
        let mut at = self.length - 1;
        while self.bytes[at] == b'9' && at > 0 {
            self.bytes[at] = b'0';
            at -= 1;
        }
        if self.bytes[at] == b'9' {
            self.bytes[0] = b'1';
            return true;
        }
        self.bytes[at] += 1;
        false
    }
}

fn push_layout(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    if exponent > 0 && exponent < 8 {
        let whole = exponent as usize;
        if digits.len() <= whole {
            out.extend_from_slice(digits);
            out.resize(out.len() + whole - digits.len(), b'0');
            out.extend_from_slice(b".0");
        } else {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
    } else if exponent <= 0 && exponent > -3 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent) as usize, b'0');
        out.extend_from_slice(digits);
    } else {
        out.push(digits[0]);
        out.push(b'.');
        out.extend_from_slice(if digits.len() > 1 { &digits[1..] } else { b"0" });
        out.push(b'E');
        push_i64(out, (exponent - 1) as i64);
    }
}

/// The shortest digits that read back, and the exponent e of 0.d1d2.. * 10^e.
fn shortest_digits(magnitude: f64) -> (Digits, i32) {
    let mut text = [0u8; 32];
    let mut cursor = &mut text[..];
    // 17 digits, a point, "e" and an exponent of three digits and a sign fit.
    let _ = write!(cursor, "{magnitude:e}");
    let used = 32 - cursor.len();
    let mut digits = Digits::new();
    let mut exponent = 0i32;
    let mut is_exponent = false;
    let mut is_negative = false;
    for &byte in &text[..used] {
        match byte {
            b'0'..=b'9' if is_exponent => exponent = exponent * 10 + (byte - b'0') as i32,
            b'0'..=b'9' => digits.push(byte - b'0'),
            b'e' => is_exponent = true,
            b'-' => is_negative = true,
            _ => {}
        }
    }
    (digits, if is_negative { -exponent } else { exponent } + 1)
}

fn power_5_bits(power: i32) -> i32 {
    match power {
        0 => 0,
        1..=26 => 64 - 5u64.pow(power as u32).leading_zeros() as i32,
        _ => power * 3,
    }
}

/// Java 17's digits; `is_long` says that no decimal of 15 digits reads back.
fn generated_digits(magnitude: f64, is_long: bool) -> (Digits, i32) {
    let raw = magnitude.to_bits();
    let mut significand = raw & ((1 << 52) - 1);
    let mut binary_exponent = (raw >> 52) as i32;
    let mut real_bits = 53;
    if binary_exponent == 0 {
        let shift = significand.leading_zeros() as i32 - 11;
        real_bits = 53 - shift;
        significand <<= shift;
        binary_exponent = 1 - shift;
    } else {
        significand |= 1 << 52;
    }
    binary_exponent -= 1023;
    let tail_zeros = significand.trailing_zeros() as i32;
    let fraction_bits = 53 - tail_zeros;
    let tiny_bits = (fraction_bits - binary_exponent - 1).max(0);
    if (-21..=62).contains(&binary_exponent) && tiny_bits == 0 {
        return integer_digits(significand, binary_exponent, real_bits);
    }
    let fraction = significand as f64 / (1u64 << 52) as f64;
    // Java's own constants: the estimate has to be off where its estimate is.
    #[allow(clippy::approx_constant)]
    let estimate = (fraction - 1.5) * 0.289529654 + 0.176091259 + binary_exponent as f64 * 0.301029995663981;
    let decimal_exponent = estimate.floor() as i32;
    let b5 = (-decimal_exponent).max(0);
    let s5 = decimal_exponent.max(0);
    let mut b2 = b5 + tiny_bits + binary_exponent;
    let mut s2 = s5 + tiny_bits;
    let mut m2 = b2 - real_bits;
    b2 -= fraction_bits - 1;
    let common = b2.min(s2);
    b2 -= common;
    s2 -= common;
    m2 -= common;
    if fraction_bits == 1 {
        m2 -= 1;
    }
    if m2 < 0 {
        b2 -= m2;
        s2 -= m2;
        m2 = 0;
    }
    let significand = significand >> tail_zeros;
    let widest = (fraction_bits + b2 + power_5_bits(b5)).max(s2 + 1 + power_5_bits(s5 + 1));
    if widest < 64 {
        let b = (significand as i64 * 5i64.pow(b5 as u32)) << b2;
        let (s, m) = (5i64.pow(s5 as u32) << s2, 5i64.pow(b5 as u32) << m2);
        divide_out_machine(b, s, m, decimal_exponent, if widest < 32 { 32 } else { 64 }, is_long && widest >= 32)
    } else {
        let b = Big::from(significand).times_5_pow(b5).shifted(b2);
        let (s, m) = (Big::from(1).times_5_pow(s5).shifted(s2), Big::from(1).times_5_pow(b5).shifted(m2));
        divide_out_big(b, s, m, decimal_exponent)
    }
}

/// Digits of a value without fraction, its insignificant low digits rounded half up.
fn integer_digits(significand: u64, binary_exponent: i32, real_bits: i32) -> (Digits, i32) {
    let shift = binary_exponent - 52;
    let mut integer = if shift >= 0 { significand << shift } else { significand >> -shift };
    let spare_bits = binary_exponent - real_bits - 1;
    let dropped = if spare_bits > 1 { (1u64 << spare_bits).ilog10() } else { 0 };
    if dropped > 0 {
        let power = 10u64.pow(dropped);
        let residue = integer % power;
        integer = integer / power + u64::from(residue >= power >> 1);
    }
    let mut text = Vec::with_capacity(20);
    push_u64(&mut text, integer);
    let exponent = text.len() as i32 + dropped as i32;
    while text.last() == Some(&b'0') {
        text.pop();
    }
    let mut digits = Digits::new();
    text.iter().for_each(|byte| digits.push(byte - b'0'));
    (digits, exponent)
}

/// Generates digits of b/s until the remainder is within m, in arithmetic that wraps at `width` bits.
///
/// The remainder is within m, half the distance to the next double, only where the digits so far, or the next ones
/// up, read back: where that takes more than 15 digits, the first ones need no look.
fn divide_out_machine(
    mut b: i64,
    s: i64,
    mut m: i64,
    mut decimal_exponent: i32,
    width: u32,
    is_long: bool,
) -> (Digits, i32) {
    let wrap = |value: i64| if width == 32 { value as i32 as i64 } else { value };
    let tens = s * 10;
    let mut digits = Digits::new();
    let (mut low, mut high);
    let mut is_first = true;
    loop {
        let quotient = (b / s) as u8;
        b = 10 * (b % s);
        m = wrap(m.wrapping_mul(10));
        if is_first || m > 0 {
            low = b < m;
            high = wrap(b.wrapping_add(m)) > tens;
        } else {
            low = true;
            high = true;
        }
        if is_first {
            is_first = false;
            if quotient == 0 && !high {
                decimal_exponent -= 1;
            } else {
                digits.push(quotient);
            }
            if !(-3..8).contains(&decimal_exponent) {
                low = false;
                high = false;
            }
            if is_long && !low && !high {
                // b is ten times a remainder here, so one digit less of it is to come.
                let wide = b as u128 / 10 * BULK as u128;
                digits.push_all((wide / s as u128) as u64, BULK_DIGITS);
                b = 10 * (wide % s as u128) as i64;
                m = m.wrapping_mul(BULK as i64);
            }
        } else {
            digits.push(quotient);
        }
        if low || high {
            break;
        }
    }
    let twice = b as i128 * 2;
    finish(digits, decimal_exponent, low, high, twice.cmp(&(tens as i128)))
}

fn divide_out_big(mut b: Big, s: Big, mut m: Big, mut decimal_exponent: i32) -> (Digits, i32) {
    let tens = s.clone().times(10);
    let mut digits = Digits::new();
    let (mut low, mut high);
    let mut is_first = true;
    loop {
        let mut quotient = 0;
        while b >= s {
            b.subtract(&s);
            quotient += 1;
        }
        b = b.times(10);
        m = m.times(10);
        low = b < m;
        high = b.clone().plus(&m) >= tens;
        if is_first {
            is_first = false;
            if quotient == 0 && !high {
                decimal_exponent -= 1;
            } else {
                digits.push(quotient);
            }
            if !(-3..8).contains(&decimal_exponent) {
                low = false;
                high = false;
            }
        } else {
            digits.push(quotient);
        }
        if low || high {
            break;
        }
    }
    let order = b.shifted(1).cmp(&tens);
    finish(digits, decimal_exponent, low, high, order)
}

fn finish(mut digits: Digits, exponent: i32, low: bool, high: bool, twice: std::cmp::Ordering) -> (Digits, i32) {
    use std::cmp::Ordering::{Equal, Greater};
    let is_odd = digits.as_slice().last().is_some_and(|digit| digit & 1 == 1);
    let mut exponent = exponent + 1;
    if high && (!low || twice == Greater || (twice == Equal && is_odd)) && digits.round_up() {
        exponent += 1;
    }
    (digits, exponent)
}

/// A natural number, limbs from low to high without leading zeros.
#[derive(Clone, PartialEq, Eq)]
struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(value: u64) -> Self {
        Big(vec![value as u32, (value >> 32) as u32]).trimmed()
    }
}

impl Big {
    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn times(mut self, factor: u32) -> Self {
        let mut carry = 0u64;
        for limb in &mut self.0 {
            let product = *limb as u64 * factor as u64 + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
        self
    }

    fn times_5_pow(mut self, mut power: i32) -> Self {
        while power >= 13 {
            self = self.times(1_220_703_125);
            power -= 13;
        }
        self.times(5u32.pow(power as u32))
    }

    fn shifted(self, bits: i32) -> Self {
        let (limbs, bits) = ((bits / 32) as usize, bits % 32);
        let mut out = vec![0u32; limbs];
        let mut carry = 0u64;
        for limb in self.0 {
            let wide = (limb as u64) << bits | carry;
            out.push(wide as u32);
            carry = wide >> 32;
        }
        out.push(carry as u32);
        Big(out).trimmed()
    }

    fn plus(mut self, other: &Big) -> Self {
        let mut carry = 0u64;
        for at in 0..self.0.len().max(other.0.len()) {
            if at == self.0.len() {
                self.0.push(0);
            }
            let sum = self.0[at] as u64 + other.0.get(at).copied().unwrap_or(0) as u64 + carry;
            self.0[at] = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
        self
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = 0i64;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let difference = *limb as i64 - other.0.get(at).copied().unwrap_or(0) as i64 - borrow;
            *limb = difference as u32;
            borrow = i64::from(difference < 0);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
