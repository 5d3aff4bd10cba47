//! The rows of a table: the last of each key, in the order of the keys.
use crate::arrays::ByteColumn;

/// A key and its row; the row is None where the key is deleted.
pub type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

/// Returns the last row of every key, sorted by key; rows without a key are left out.
pub fn last_rows<'a>(columns: &[(ByteColumn<'a>, ByteColumn<'a>)]) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'a>> = Vec::with_capacity(columns.iter().map(|(keys, _)| keys.len()).sum());
    for (keys, rows) in columns {
        pairs.extend((0..keys.len()).filter_map(|at| keys.get(at).map(|key| (key, rows.get(at)))));
    }
    let shared = common_prefix(&pairs);
    // Eight bytes behind what all keys share decide nearly every order.
    let order = pairs.iter().enumerate().map(|(at, (key, _))| (head(&key[shared..]), at as u32)).collect();
    let mut order: Vec<(u64, u32)> = sorted_by_head(order);
    let key = |at: u32| pairs[at as usize].0;
    for run in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        run.sort_by(|a, b| key(a.1).cmp(key(b.1)));
    }
    let is_last = |at: usize| {
        let next = order.get(at + 1);
        !next.is_some_and(|next| next.0 == order[at].0 && key(next.1) == key(order[at].1))
    };
    (0..order.len()).filter(|at| is_last(*at)).map(|at| pairs[order[at].1 as usize]).collect()
}

/// Sorts by the numbers, byte by byte from the lowest; what is equal stays in its order.
fn sorted_by_head(mut order: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    let mut other = vec![(0, 0); order.len()];
    for shift in (0..u64::BITS).step_by(8) {
        let byte = |head: u64| (head >> shift) as usize & 0xff;
        let mut places = [0usize; 256];
        for (head, _) in &order {
            places[byte(*head)] += 1;
        }
        if places.contains(&order.len()) {
            continue; // all have the same byte here
        }
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for pair in &order {
            let place = &mut places[byte(pair.0)];
            other[*place] = *pair;
            *place += 1;
        }
        std::mem::swap(&mut order, &mut other);
    }
    order
}

fn common_prefix(pairs: &[Pair<'_>]) -> usize {
    let Some((first, _)) = pairs.first() else { return 0 };
    pairs.iter().fold(first.len(), |shared, (key, _)| {
        let most = shared.min(key.len());
        (0..most).find(|at| key[*at] != first[*at]).unwrap_or(most)
    })
}

/// The first eight bytes of a key as a number that sorts as they do.
fn head(key: &[u8]) -> u64 {
    let mut bytes = [0u8; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}
