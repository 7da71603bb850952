//! Makes inputs: examples of a format that are cut, joined and changed, and
//! words of the format in any order.

use std::hash::{DefaultHasher, Hash, Hasher};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::target::Target;

/// Bytes that an input may have: what is wrong shows in small ones, and those
/// are quick.
const LONGEST: usize = 4096;
/// Changes of one input at most.
const CHANGES: u32 = 8;
/// Bytes that readers treat in a way of their own, and such that are no UTF-8.
const SPECIAL: &[u8] = b"\n\r\t \0\\'\"`;:#/*-=<>!,.[]{}()@\x7f\x80\xbf\xc3\xe2\xff";

/// Pieces that any format may choke on.
const ANYWHERE: [&str; 14] = [
    "\n",
    "\r\n",
    "\n\n",
    "\u{feff}",
    "é",
    "\u{1f600}",
    "\u{2028}",
    "\u{0}",
    "\\x41",
    "\\",
    "18446744073709551615",
    "-1",
    "99999999999999999999",
    "1e309",
];

/// Inputs of one target.
pub(crate) struct Generator {
    examples: &'static [&'static str],
    words: &'static [&'static str],
    seed: u64,
}

impl Generator {
    pub(crate) fn new(target: &'static Target, seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (target.name, seed).hash(&mut hasher);
        Generator {
            examples: target.examples,
            words: target.words,
            seed: hasher.finish(),
        }
    }

    /// The input of that number, always the same one.
    pub(crate) fn generate(&self, number: u64, input: &mut Vec<u8>) {
        let mut random =
            SmallRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        input.clear();
        match random.random_range(0..8) {
            0 => self.write_words(&mut random, input),
            1 => {
                self.copy_part(&mut random, input);
                self.write_words(&mut random, input);
                self.copy_part(&mut random, input);
            }
            2 => {
                self.copy_part(&mut random, input);
                self.copy_part(&mut random, input);
            }
            _ => input.extend_from_slice(self.example(&mut random)),
        }
        for _ in 0..random.random_range(0..=CHANGES) {
            self.change(&mut random, input);
        }
        input.truncate(LONGEST);
    }

    fn example(&self, random: &mut SmallRng) -> &'static [u8] {
        choose(random, self.examples).as_bytes()
    }

    fn word(&self, random: &mut SmallRng) -> &'static [u8] {
        let words = match random.random_range(0..4) {
            0 => &ANYWHERE[..],
            _ => self.words,
        };
        choose(random, words).as_bytes()
    }

    fn write_words(&self, random: &mut SmallRng, input: &mut Vec<u8>) {
        for _ in 0..random.random_range(1..24) {
            input.extend_from_slice(self.word(random));
            match random.random_range(0..6) {
                0 => input.push(b'\n'),
                1 | 2 => input.push(b' '),
                _ => {}
            }
        }
    }

    fn copy_part(&self, random: &mut SmallRng, input: &mut Vec<u8>) {
        let example = self.example(random);
        let (from, to) = range(random, example.len());
        input.extend_from_slice(&example[from..to]);
    }

    fn change(&self, random: &mut SmallRng, input: &mut Vec<u8>) {
        let at = random.random_range(0..=input.len());
        match random.random_range(0..10) {
            0 => insert(input, at, self.word(random)),
            1 => insert(input, at, &[*choose(random, SPECIAL)]),
            2 => input.truncate(at),
            3 => {
                let (from, to) = range(random, input.len());
                input.drain(from..to.min(from + 16));
            }
            4 => {
                // Again: nesting and repetition.
                let (from, to) = range(random, input.len());
                let piece = input[from..to.min(from + 64)].to_owned();
                for _ in 0..random.random_range(1..4) {
                    insert(input, at.min(input.len()), &piece);
                }
            }
            5 => {
                let example = self.example(random);
                let (from, to) = range(random, example.len());
                insert(input, at, &example[from..to]);
            }
            6 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
            7 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = *choose(random, SPECIAL);
                }
            }
            8 => self.change_line(random, input),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.random();
                }
            }
        }
    }

    /// Puts words in the place of a line, or swaps it for another one.
    fn change_line(&self, random: &mut SmallRng, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let (one, other) = (
            random.random_range(0..lines.len()),
            random.random_range(0..lines.len()),
        );
        match random.random_bool(0.5) {
            true => lines.swap(one, other),
            false => lines[one] = self.word(random).to_vec(),
        }
        *input = lines.join(&b'\n');
    }
}

fn choose<'a, T>(random: &mut SmallRng, all: &'a [T]) -> &'a T {
    &all[random.random_range(0..all.len())]
}

/// A part of so many bytes.
fn range(random: &mut SmallRng, length: usize) -> (usize, usize) {
    let (one, other) = (
        random.random_range(0..=length),
        random.random_range(0..=length),
    );
    (one.min(other), one.max(other))
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() < LONGEST {
        input.splice(at..at, piece.iter().copied());
    }
}
