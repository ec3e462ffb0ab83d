//! Lines of an upload, read in blocks by several threads and given on in their order.
//!
//! Invariant: at most two blocks for each thread are in memory, whatever the length of a line or of the upload.
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a block at most. A line that is longer is passed over.
const BLOCK: usize = 256 * 1024;
/// Threads at most: an upload leaves processors to others.
const THREADS: usize = 4;

/// Whole lines.
struct Block {
    /// The number of the first.
    first: u64,
    bytes: Vec<u8>,
    /// It stands for one line, which does not fit.
    is_too_long: bool,
}

/// Where blocks go in, and what was read of each comes out.
type Worker<T> = (SyncSender<Block>, Receiver<T>);

/// How lines are read.
pub struct Reading<P> {
    /// Bytes of a line at most.
    pub longest: usize,
    /// Reads a line with its number, or one that is longer, beside what was read of the others of its block.
    pub parse: P,
}

/// Reads all lines but blank ones, and gives what was read of each block to `take`, in their order, until that says false.
pub fn each<T: Default + Send>(
    input: impl Read,
    reading: &Reading<impl Fn(u64, Option<&[u8]>, &mut T) + Sync>,
    mut take: impl FnMut(T) -> io::Result<bool>,
) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let gone = || io::Error::other("a thread that reads lines has ended");
    std::thread::scope(|scope| {
        let workers: Vec<Worker<T>> = (0..threads)
            .map(|_| {
                let (blocks, given) = sync_channel::<Block>(1);
                let (done, results) = sync_channel(1);
                scope.spawn(move || {
                    for block in given {
                        if done.send(block.read(reading)).is_err() {
                            break;
                        }
                    }
                });
                (blocks, results)
            })
            .collect();
        let mut blocks = Blocks { input, rest: Vec::new(), line: 1, is_passing: false, is_over: false };
        let (mut given, mut taken) = (0, 0);
        loop {
            let next = blocks.next()?;
            let is_over = next.is_none();
            if let Some(block) = next {
                workers[given % threads].0.send(block).map_err(|_| gone())?;
                given += 1;
            }
            // Never more than two with each, so that nobody waits for one who waits for him.
            while taken < given && (is_over || given - taken >= 2 * threads) {
                if !take(workers[taken % threads].1.recv().map_err(|_| gone())?)? {
                    return Ok(());
                }
                taken += 1;
            }
            if is_over {
                return Ok(());
            }
        }
    })
}

impl Block {
    fn read<T: Default>(&self, reading: &Reading<impl Fn(u64, Option<&[u8]>, &mut T)>) -> T {
        let mut read = T::default();
        if self.is_too_long {
            (reading.parse)(self.first, None, &mut read);
        }
        for (number, line) in (self.first..).zip(self.bytes.split(|byte| *byte == b'\n')) {
            if !line.trim_ascii().is_empty() {
                (reading.parse)(number, (line.len() <= reading.longest).then_some(line), &mut read);
            }
        }
        read
    }
}

/// Cuts an input at ends of lines.
struct Blocks<R> {
    input: R,
    /// Read, and not given yet.
    rest: Vec<u8>,
    /// The number of the next line.
    line: u64,
    /// The rest of a line that is too long is passed over.
    is_passing: bool,
    is_over: bool,
}

impl<R: Read> Blocks<R> {
    fn next(&mut self) -> io::Result<Option<Block>> {
        loop {
            let mut bytes = self.fill()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if self.is_passing {
                if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                    self.rest = bytes.split_off(end + 1);
                    self.is_passing = false;
                }
                continue;
            }
            let first = self.line;
            let end = bytes.iter().rposition(|byte| *byte == b'\n');
            if let (false, Some(end)) = (self.is_over, end) {
                self.rest = bytes.split_off(end + 1);
            }
            let is_too_long = !self.is_over && end.is_none();
            self.is_passing = is_too_long;
            let ends = memchr::memchr_iter(b'\n', &bytes).count() as u64;
            self.line += if is_too_long { 1 } else { ends };
            return Ok(Some(Block { first, bytes: if is_too_long { Vec::new() } else { bytes }, is_too_long }));
        }
    }

    /// A block full, or what is left.
    fn fill(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut filled = bytes.len();
        bytes.resize(BLOCK.max(filled), 0);
        while !self.is_over && filled < bytes.len() {
            match self.input.read(&mut bytes[filled..]) {
                Ok(0) => self.is_over = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Dripping<'b>(&'b [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(out.len()).min(self.1);
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    type Told = Vec<(u64, Option<usize>)>;

    fn lines(text: &[u8], step: usize) -> Told {
        let mut all = Vec::new();
        let parse = |number, line: Option<&[u8]>, told: &mut Told| told.push((number, line.map(<[u8]>::len)));
        each(Dripping(text, step), &Reading { longest: 70_000, parse }, |mut told: Told| {
            all.append(&mut told);
            Ok(true)
        })
        .unwrap();
        all
    }

    #[test]
    fn every_line_comes_once_in_order_with_its_number_wherever_blocks_are_cut() {
        let lengths = [3, 0, BLOCK - 5, 1, 70_000, 70_001, 0, 3 * BLOCK + 7, 2, BLOCK, BLOCK - 1, 9];
        for is_ended in [true, false] {
            let mut text = Vec::new();
            for length in lengths.iter().cycle().take(40) {
                text.extend(std::iter::repeat_n(b'x', *length));
                text.push(b'\n');
            }
            if !is_ended {
                text.pop();
            }
            let lengths = lengths.iter().cycle().take(40);
            let told = (1..).zip(lengths).filter(|(_, length)| **length > 0);
            let told: Vec<_> = told.map(|(number, length)| (number, (*length <= 70_000).then_some(*length))).collect();
            for step in [1_000, 4_097, BLOCK, usize::MAX] {
                assert_eq!(lines(&text, step), told, "in steps of {step}");
            }
        }
        assert_eq!(lines(b"", 1), []);
        assert_eq!(lines(b"\n \r\n\n", 1), []);
    }

    #[test]
    fn who_has_enough_is_given_no_more() {
        let text = b"line\n".repeat(1_000_000);
        let parse = |_, _: Option<&[u8]>, lines: &mut usize| *lines += 1;
        let mut count = 0;
        each(&*text, &Reading { longest: 9, parse }, |lines: usize| {
            count += lines;
            Ok(count < 70_000)
        })
        .unwrap();
        assert!((70_000..70_000 + BLOCK).contains(&count), "{count}");
    }
}
