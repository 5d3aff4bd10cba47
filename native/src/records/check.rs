//! Batches of a segment in bulk: what recovery has to know of them, without a step in Python for every batch.
use std::collections::HashMap;

use pyo3::prelude::*;

use super::walk::{CONTROL_BIT, CRC_START, HEADER_SIZE, LOG_OVERHEAD, TRANSACTIONAL_BIT};

const MAX_RELATIVE_OFFSET: i64 = i32::MAX as i64;
const BATCHES_KEPT: usize = 5;

fn number<const N: usize>(batch: &[u8], position: usize) -> [u8; N] {
    batch[position..position + N].try_into().expect("a whole header")
}

/// The next step of a walk over batches.
enum Step<'a> {
    /// A batch whose header does not contradict itself.
    Batch(&'a [u8]),
    /// More bytes are needed to tell.
    Incomplete,
    Bad,
}

/// The batch at the start of `bytes`; its header is judged as soon as it is whole.
fn step(bytes: &[u8]) -> Step<'_> {
    if bytes.len() < HEADER_SIZE {
        return Step::Incomplete;
    }
    let length = i32::from_be_bytes(number(bytes, 8));
    let counts = [i32::from_be_bytes(number(bytes, 23)), i32::from_be_bytes(number(bytes, 57))];
    if bytes[16] != 2 || length < (HEADER_SIZE - LOG_OVERHEAD) as i32 || counts.iter().any(|count| *count < 0) {
        return Step::Bad;
    }
    bytes.get(..length as usize + LOG_OVERHEAD).map_or(Step::Incomplete, Step::Batch)
}

/// What was found; the order is that of `kappaflow.kernel.batch_checks.CheckedBatches`.
type Checked =
    (usize, bool, i64, usize, (i64, i64), Option<i64>, Vec<(i64, usize, i64, i64)>, Vec<(i32, i64)>);

/// Checks batches up to the first bad or incomplete one.
#[pyfunction]
pub fn check_batches(
    py: Python<'_>,
    buffer: &[u8],
    base_offset: i64,
    next_offset: i64,
    index_interval_bytes: usize,
    bytes_since_entry: usize,
    largest: (i64, i64),
) -> Checked {
    py.detach(|| {
        let (mut at, mut next, mut since, mut largest) = (0, next_offset, bytes_since_entry, largest);
        let (mut bad, mut first_timestamp) = (false, None);
        let mut entries = Vec::new();
        let mut epochs: Vec<(i32, i64)> = Vec::new();
        loop {
            let batch = match step(&buffer[at..]) {
                Step::Batch(batch) => batch,
                Step::Incomplete => break,
                Step::Bad => {
                    bad = true;
                    break;
                }
            };
            let first = i64::from_be_bytes(number(batch, 0));
            let last = first.checked_add(i32::from_be_bytes(number(batch, 23)) as i64);
            let fits = |last: &i64| {
                first >= next && last.checked_sub(base_offset).is_some_and(|delta| delta <= MAX_RELATIVE_OFFSET)
            };
            let stated = u32::from_be_bytes(number(batch, 17));
            let Some(last) = last.filter(fits).filter(|_| crc32c::crc32c(&batch[CRC_START..]) == stated) else {
                bad = true;
                break;
            };
            let timestamp = i64::from_be_bytes(number(batch, 35));
            if timestamp > largest.0 {
                largest = (timestamp, last);
            }
            first_timestamp.get_or_insert(timestamp);
            if since > index_interval_bytes {
                entries.push((last, at, largest.0, largest.1));
                since = 0;
            }
            since += batch.len();
            let epoch = i32::from_be_bytes(number(batch, 12));
            if epochs.last().is_none_or(|(known, _)| *known != epoch) {
                epochs.push((epoch, first));
            }
            next = last.wrapping_add(1);
            at += batch.len();
        }
        (at, bad, next, since, largest, first_timestamp, entries, epochs)
    })
}

/// What is kept of one producer on the way.
#[derive(Default)]
struct Producer {
    epoch: Option<i16>,
    in_transaction: bool,
    /// Positions of the last data batches that are of no other interest, in a ring.
    last: [usize; BATCHES_KEPT],
    seen: usize,
}

/// Positions of the batches that producer state depends on, ascending; how many bytes were walked; whether a header
/// contradicts itself there.
#[pyfunction]
pub fn producer_batches(py: Python<'_>, buffer: &[u8]) -> (Vec<usize>, usize, bool) {
    py.detach(|| {
        let mut producers: HashMap<i64, Producer> = HashMap::new();
        let mut positions = Vec::new();
        let mut at = 0;
        let bad = loop {
            let batch = match step(&buffer[at..]) {
                Step::Batch(batch) => batch,
                Step::Incomplete => break false,
                Step::Bad => break true,
            };
            let id = i64::from_be_bytes(number(batch, 43));
            let attributes = u16::from_be_bytes(number(batch, 21));
            if id >= 0 {
                let producer = producers.entry(id).or_default();
                let epoch = i16::from_be_bytes(number(batch, 51));
                let control = attributes & CONTROL_BIT != 0;
                let opens = !control && attributes & TRANSACTIONAL_BIT != 0 && !producer.in_transaction;
                if control || opens || producer.epoch != Some(epoch) {
                    positions.push(at);
                }
                producer.epoch = Some(epoch);
                if control {
                    producer.in_transaction = false;
                } else {
                    producer.in_transaction |= opens;
                    producer.last[producer.seen % BATCHES_KEPT] = at;
                    producer.seen += 1;
                }
            }
            at += batch.len();
        };
        for producer in producers.values() {
            positions.extend(&producer.last[..producer.seen.min(BATCHES_KEPT)]);
        }
        positions.sort_unstable();
        positions.dedup();
        (positions, at, bad)
    })
}
