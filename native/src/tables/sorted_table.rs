//! A table in RocksDB's block-based format, version 2, to be taken into a database with external files.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::blocks::{varint, write_block, Block, File, Handle};
use super::bloom;
use super::rows::LastRows;
use crate::arrays::{detached, ByteColumn, Column};

const BLOCK_BYTES: usize = 4096;
const RESTART_INTERVAL: usize = 16;
/// So large are the pieces of a file: they are made in the same memory, which stays in the processor's cache.
const PIECE_BYTES: usize = 1 << 19;
const FORMAT_VERSION: u32 = 2;
const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
const FOOTER_HANDLES_BYTES: usize = 40;
const CRC32C: u8 = 1;
const DELETION: u64 = 0;
const VALUE: u64 = 1;

/// See `kappaflow.kernel.sorted_table`.
#[pyfunction]
pub fn sorted_table(
    py: Python<'_>,
    prefix: &[u8],
    keys: Vec<Column>,
    rows: Vec<Column>,
    write: Py<PyAny>,
) -> PyResult<bool> {
    if keys.len() != rows.len() || keys.iter().zip(&rows).any(|(keys, rows)| keys.0.len() != rows.0.len()) {
        return Err(PyValueError::new_err("keys and rows must have the same length"));
    }
    let columns: Vec<(ByteColumn<'_>, ByteColumn<'_>)> = keys
        .iter()
        .zip(&rows)
        .map(|(keys, rows)| Ok((ByteColumn::new(&keys.0, "keys")?, ByteColumn::new(&rows.0, "rows")?)))
        .collect::<PyResult<_>>()?;
    let count = columns.iter().map(|(keys, _)| keys.len()).sum();
    detached(py, count, || {
        let rows = LastRows::new(&columns);
        if rows.len() == 0 {
            return Ok(false);
        }
        let write = |piece: &[u8]| Python::attach(|py| write.call1(py, (PyBytes::new(py, piece),)).map(drop));
        Table::default().write(prefix, &rows, &write).map(|()| true)
    })
}

type Write<'a> = &'a dyn Fn(&[u8]) -> PyResult<()>;

/// What a table says of itself.
#[derive(Default)]
struct Table {
    file: File,
    key_bytes: usize,
    row_bytes: usize,
    blocks: usize,
    deletions: usize,
}

impl Table {
    fn write(mut self, prefix: &[u8], rows: &LastRows<'_>, write: Write<'_>) -> PyResult<()> {
        let mut index = Block::new(1);
        let mut hashes = Vec::with_capacity(rows.len());
        self.rows(prefix, rows, &mut index, &mut hashes, write)?;
        let data_bytes = self.file.size();
        let filter = write_block(&mut self.file, &bloom::filter(&hashes));
        let index_bytes = index.size();
        let index = index.write(&mut self.file);
        let properties = self.properties(rows.len(), data_bytes, index_bytes, filter);
        self.end(filter, index, properties);
        write(&self.file.rest)
    }

    /// Writes the blocks of rows; each gets an entry of the index.
    fn rows(
        &mut self,
        prefix: &[u8],
        rows: &LastRows<'_>,
        index: &mut Block,
        hashes: &mut Vec<u32>,
        write: Write<'_>,
    ) -> PyResult<()> {
        let mut block = Block::new(RESTART_INTERVAL);
        let mut hasher = bloom::Hasher::new(prefix);
        let mut key = Vec::new();
        rows.each(|(suffix, row)| {
            if key.is_empty() {
                key.extend_from_slice(prefix); // otherwise the key of an earlier row of the block is there
            }
            key.truncate(prefix.len());
            key.extend_from_slice(suffix);
            hashes.push(hasher.hash(&key));
            let kind = if row.is_some() { VALUE } else { DELETION };
            self.deletions += usize::from(row.is_none());
            key.extend_from_slice(&kind.to_le_bytes()); // sequence number 0, as files from outside have
            self.key_bytes += key.len();
            block.add_alike(&mut key, row.unwrap_or_default(), prefix.len());
            self.row_bytes += row.map_or(0, <[u8]>::len);
            if block.size() >= BLOCK_BYTES {
                self.end_block(&mut block, index);
                if self.file.rest.len() >= PIECE_BYTES {
                    write(&self.file.rest)?;
                    self.file.before = self.file.size();
                    self.file.rest.clear();
                }
            }
            Ok::<(), PyErr>(())
        })?;
        if !block.is_empty() {
            self.end_block(&mut block, index);
        }
        Ok(())
    }

    fn end_block(&mut self, block: &mut Block, index: &mut Block) {
        let last = block.last().to_vec();
        let mut place = Vec::with_capacity(10);
        block.write(&mut self.file).push(&mut place);
        index.add(&last, &place);
        self.blocks += 1;
    }

    fn properties(&mut self, rows: usize, data_bytes: usize, index_bytes: usize, filter: Handle) -> Handle {
        let number = |value: usize| {
            let mut data = Vec::new();
            varint(&mut data, value as u64);
            data
        };
        // In the order of the names.
        let properties: [(&str, Vec<u8>); 18] = [
            ("rocksdb.block.based.table.index.type", 0u32.to_le_bytes().to_vec()),
            ("rocksdb.block.based.table.prefix.filtering", b"0".to_vec()),
            ("rocksdb.block.based.table.whole.key.filtering", b"1".to_vec()),
            ("rocksdb.comparator", b"leveldb.BytewiseComparator".to_vec()),
            ("rocksdb.compression", b"NoCompression".to_vec()),
            ("rocksdb.data.size", number(data_bytes)),
            ("rocksdb.deleted.keys", number(self.deletions)),
            ("rocksdb.external_sst_file.global_seqno", 0u64.to_le_bytes().to_vec()),
            ("rocksdb.external_sst_file.version", 2u32.to_le_bytes().to_vec()),
            ("rocksdb.filter.policy", b"bloomfilter".to_vec()),
            ("rocksdb.filter.size", number(filter.size)),
            ("rocksdb.format.version", number(FORMAT_VERSION as usize)),
            ("rocksdb.index.size", number(index_bytes)),
            ("rocksdb.merge.operands", number(0)),
            ("rocksdb.num.data.blocks", number(self.blocks)),
            ("rocksdb.num.entries", number(rows)),
            ("rocksdb.raw.key.size", number(self.key_bytes)),
            ("rocksdb.raw.value.size", number(self.row_bytes)),
        ];
        let mut block = Block::new(1);
        for (name, value) in &properties {
            block.add(name.as_bytes(), value);
        }
        block.write(&mut self.file)
    }

    fn end(&mut self, filter: Handle, index: Handle, properties: Handle) {
        let mut meta = Block::new(1);
        for (name, handle) in [("fullfilter.rocksdb.BuiltinBloomFilter", filter), ("rocksdb.properties", properties)] {
            let mut place = Vec::new();
            handle.push(&mut place);
            meta.add(name.as_bytes(), &place);
        }
        let meta = meta.write(&mut self.file);
        let file = &mut self.file.rest;
        file.push(CRC32C);
        let handles = file.len();
        meta.push(file);
        index.push(file);
        file.resize(handles + FOOTER_HANDLES_BYTES, 0);
        file.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        file.extend_from_slice(&MAGIC.to_le_bytes());
    }
}
