//! Blocks of a table: entries with shared prefixes, restart points, a checksum behind each block.
const CHECKSUM_DELTA: u32 = 0xa282_ead8;

/// Appends a number of 7 bits a byte, the lowest first.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Where a block is in the file.
#[derive(Clone, Copy)]
pub struct Handle {
    pub offset: usize,
    pub size: usize,
}

impl Handle {
    /// Appends the handle as entries hold it.
    pub fn push(&self, out: &mut Vec<u8>) {
        varint(out, self.offset as u64);
        varint(out, self.size as u64);
    }
}

/// A file that is given away piece by piece.
#[derive(Default)]
pub struct File {
    /// What is not given away yet.
    pub rest: Vec<u8>,
    /// How much was.
    pub before: usize,
}

impl File {
    /// Its size so far.
    pub fn size(&self) -> usize {
        self.before + self.rest.len()
    }
}

/// A block that is being filled.
pub struct Block {
    data: Vec<u8>,
    restarts: Vec<u32>,
    last: Vec<u8>,
    interval: usize,
    since_restart: usize,
}

impl Block {
    /// An empty block with a whole key every `interval` entries.
    pub fn new(interval: usize) -> Self {
        Block { data: Vec::new(), restarts: vec![0], last: Vec::new(), interval, since_restart: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The key that was added last.
    pub fn last(&self) -> &[u8] {
        &self.last
    }

    /// The size of the block if it ended here.
    pub fn size(&self) -> usize {
        self.data.len() + 4 * self.restarts.len() + 4
    }

    /// Appends an entry; keys come in order.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.add_alike(&mut key.to_vec(), value, 0);
    }

    /// Appends an entry whose key is known to begin with so many bytes as the one before it, where there is one.
    ///
    /// Takes the key, and leaves the one before it in its place, or nothing where there is none.
    pub fn add_alike(&mut self, key: &mut Vec<u8>, value: &[u8], alike: usize) {
        let mut shared = 0;
        if self.since_restart >= self.interval {
            self.restarts.push(self.data.len() as u32);
            self.since_restart = 0;
        } else {
            let alike = alike.min(self.last.len());
            shared = alike + common(&key[alike..], &self.last[alike..]);
        }
        varint(&mut self.data, shared as u64);
        varint(&mut self.data, (key.len() - shared) as u64);
        varint(&mut self.data, value.len() as u64);
        self.data.extend_from_slice(&key[shared..]);
        self.data.extend_from_slice(value);
        std::mem::swap(&mut self.last, key);
        self.since_restart += 1;
    }

    /// Ends the block, writes it to the file, and begins anew.
    pub fn write(&mut self, file: &mut File) -> Handle {
        for restart in &self.restarts {
            self.data.extend_from_slice(&restart.to_le_bytes());
        }
        self.data.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        let handle = write_block(file, &self.data);
        self.data.clear();
        self.restarts.truncate(1);
        self.last.clear();
        self.since_restart = 0;
        handle
    }
}

/// How many bytes two keys begin with alike.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let differ = u64::from_le_bytes(a.try_into().unwrap()) ^ u64::from_le_bytes(b.try_into().unwrap());
        if differ != 0 {
            return at + differ.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

/// Writes bytes as an uncompressed block with its checksum.
pub fn write_block(file: &mut File, data: &[u8]) -> Handle {
    let handle = Handle { offset: file.size(), size: data.len() };
    let start = file.rest.len();
    file.rest.extend_from_slice(data);
    file.rest.push(0); // not compressed
    let crc = crc32c::crc32c(&file.rest[start..]);
    let masked = crc.rotate_right(15).wrapping_add(CHECKSUM_DELTA);
    file.rest.extend_from_slice(&masked.to_le_bytes());
    handle
}
