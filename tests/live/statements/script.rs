//! Scripts made of what splits statements wrongly: quotes, comments, delimiters
//! and the client's commands, in each other's company.

/// The numbers of a seed, always the same (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, all: &[&'a [u8]]) -> &'a [u8] {
        all[self.below(all.len() as u64) as usize]
    }

    fn byte(&mut self, all: &[u8]) -> u8 {
        all[self.below(all.len() as u64) as usize]
    }

    /// Whether something happens that does so in `percent` of 100 cases.
    fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Inside quotes, whatever the quote.
const QUOTED: [&[u8]; 24] = [
    b"a",
    b" ",
    b";",
    b"//",
    b"$$",
    b"/*",
    b"*/",
    b"-- ",
    b"#",
    b"\n",
    b"\ndelimiter //\n",
    b"\nuse mysql\n",
    b"\ngo\n",
    b"\n\n",
    b"\t",
    b"\r\n",
    b"/*! x */",
    b"%",
    b"\xc3\xa9",
    b"\xe2\x82\xac",
    b"\xf0\x9f\x90\xac",
    b"\xe9",
    b"\xac\xed\x05\xff",
    b"/*!*/;",
];
/// Inside a comment that nothing executes, but for what ends it.
const COMMENTED: [&[u8]; 13] = [
    b"x", b" ", b";", b"//", b"$$", b"'", b"\"", b"`", b"it's", b"\\", b"\\g", b"/*", b"\xe9",
];
const BLANKS: [&[u8]; 7] = [b" ", b" ", b"  ", b"\t", b"\n", b"\n  ", b"\n\n"];
const DELIMITERS: [&str; 10] = [
    ";",
    ";",
    "//",
    "$$",
    ";;",
    "|",
    "!!",
    "/*!*/;",
    "EOF",
    "longer_than_the_client_keeps",
];
/// How many letters of a delimiter the client keeps.
const LONGEST_DELIMITER: usize = 15;
/// Lines that are the client's own, with an empty buffer before them.
const COMMANDS: [&[u8]; 35] = [
    b"go",
    b"ego",
    b"clear",
    b"clear;",
    b"print",
    b"print;",
    b"rehash",
    b"rehash;",
    b"warnings",
    b"warnings;",
    b"nowarning",
    b"\\W",
    b"\\w",
    b"\\c",
    b"\\p",
    b"\\g",
    b"\\G",
    b"\\#",
    b"help",
    b"\\h",
    b"\\?",
    b"status",
    b"\\s",
    b"use information_schema",
    b"USE information_schema",
    b"\\u information_schema",
    b"charset latin1",
    b"charset utf8mb4;",
    b"\\C utf8mb4",
    b"source inc/two.sql",
    b"\\. inc/two.sql",
    b"source inc/delimiter.sql",
    b"source inc/open.sql",
    b"  use information_schema",
    b"connect",
];
const FIXED: [&[u8]; 17] = [
    b"SELECT 1--1",
    b"SELECT 5 -- 3\n+ 2",
    b"SELECT 1 \\z 2",
    b"SELECT 1 \\\\ 2",
    b"SELECT \\N",
    b"SELECT /**/1",
    b"SELECT 1 /*!*/",
    b"/*!50003 SELECT 1 */",
    b"/*!50003 CREATE*/ /*!50020 DEFINER=CURRENT_USER*/ /*!50003 PROCEDURE p9() SELECT '*/' */",
    b"/*M!100100 SELECT 1 */",
    b"/*!\\C utf8mb4 */",
    b"SELECT /*+ NO_INDEX_MERGE() */ 1",
    b"LOAD DATA LOCAL INFILE 'inc/missing.csv' INTO TABLE missing",
    b"PREPARE s FROM 'SELECT 1'",
    b"PRINT 1",
    b"SELECT 1,\ngo\n2",
    b"SELECT 1 AS `delimiter`,\ndelimiter //\n2",
];
/// Ways to take the backslash's meaning away; `|` ends a statement before the last.
const MODES: [&[u8]; 6] = [
    b"SET sql_mode='NO_BACKSLASH_ESCAPES'",
    b"/*!40101 SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES' */",
    b"SET @@sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')",
    b"PREPARE m FROM \"SET sql_mode='NO_BACKSLASH_ESCAPES'\"|EXECUTE m",
    b"CREATE PROCEDURE m() SET SESSION sql_mode='NO_BACKSLASH_ESCAPES'|CALL m()",
    b"CREATE PROCEDURE m2() BEGIN SELECT 1 AS a; SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT 2 AS b; END|CALL m2()",
];

/// Who is to understand a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The client of MySQL.
    Mysql,
    /// Both families' clients, in the same way.
    All,
}

/// A script being written.
struct Writer {
    random: Random,
    text: Vec<u8>,
    delimiter: String,
    /// Whether a backslash escapes, as far as the writer knows.
    escapes: bool,
    readers: Readers,
}

/// The script of a seed.
pub(crate) fn generate(seed: u64, readers: Readers) -> Vec<u8> {
    let mut writer = Writer {
        random: Random(seed),
        text: Vec::new(),
        delimiter: ";".to_owned(),
        escapes: true,
        readers,
    };
    for _ in 0..2 + writer.random.below(9) {
        writer.part();
    }
    writer.end();
    let mut text = writer.text;
    if writer.random.happens(8) {
        text = with_carriage_returns(&text);
    }
    if writer.random.happens(5) {
        text.splice(0..0, *b"\xef\xbb\xbf");
    }
    text
}

/// Every line's end as Windows writes it.
fn with_carriage_returns(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.fold(Vec::new(), |mut all, line| {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                all.extend_from_slice(line);
                all.extend_from_slice(b"\r\n");
            }
            None => all.extend_from_slice(line),
        }
        all
    })
}

impl Writer {
    fn put(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// A line of its own begins here.
    fn line(&mut self) {
        if self.text.last().is_some_and(|byte| *byte != b'\n') {
            self.put(b"\n");
        }
    }

    /// A line for a command begins here. MariaDB's client knows none where blanks or
    /// a comment stand since the last statement.
    fn command_line(&mut self) {
        if self.readers == Readers::All {
            self.put(b"\nSELECT 0\\g");
        }
        self.line();
    }

    fn part(&mut self) {
        match self.random.below(100) {
            0..55 => self.statement(),
            55..65 => self.change_delimiter(),
            65..77 => {
                self.command_line();
                let command = self.random.pick(&COMMANDS);
                self.put(command);
                self.put(b"\n");
            }
            77..85 => self.comment(),
            85..91 => self.mode(),
            91..93 => {
                self.command_line();
                self.put(b"charset gbk\nSELECT '\xbf\\'");
                self.terminate();
                self.command_line();
                self.put(b"charset utf8mb4\n");
            }
            93..97 => self.terminate(),
            _ => self.put(b"\n\n  \n"),
        }
    }

    fn statement(&mut self) {
        if self.random.happens(25) {
            let fixed = self.random.pick(&FIXED);
            self.put(fixed);
        } else {
            let verb = self
                .random
                .pick(&[b"SELECT", b"select", b"DO", b"SET @v ="]);
            self.put(verb);
            for number in 0..1 + self.random.below(4) {
                if number > 0 {
                    self.put(b",");
                }
                self.blank();
                self.expression();
                if self.random.happens(20) {
                    self.blank();
                }
            }
        }
        if self.random.happens(3) {
            let left = self.random.pick(&[b" \\c", b"\n\\c", b" \\p", b" \\W"]);
            self.put(left);
        }
        self.terminate();
    }

    fn expression(&mut self) {
        match self.random.below(10) {
            0..2 => self.put(b"1"),
            2 => self.put(b"2 - -1"),
            3..8 => self.quoted(),
            _ => {
                let open = self
                    .random
                    .pick(&[b"/*!", b"/*!40101 ", b"/*!50003", b"/*!99999 "]);
                self.put(open);
                self.put(b" ");
                self.quoted();
                self.put(b" + 1 */ 1");
            }
        }
    }

    fn quoted(&mut self) {
        let quote = self.random.byte(b"''\"`");
        self.put(&[quote]);
        for _ in 0..self.random.below(6) {
            let piece = match self.random.below(100) {
                0..70 => self.random.pick(&QUOTED).to_vec(),
                70..80 => vec![quote, quote],
                80..86 => vec![if quote == b'\'' { b'"' } else { b'\'' }],
                _ if self.escapes && quote != b'`' => {
                    let letter = self.random.byte(&[b'\\', b'n', quote, b'0', b'%', b'c']);
                    vec![b'\\', letter]
                }
                _ => vec![b'\\'],
            };
            // A backslash that ends a line in backticks goes in MySQL's client only.
            let is_split = quote == b'`' && matches!(piece.first(), Some(b'\n' | b'\r'));
            if self.readers == Readers::All && is_split && self.text.ends_with(b"\\") {
                continue;
            }
            self.put(&piece);
        }
        if !self.random.happens(1) {
            self.put(&[quote]);
        }
    }

    fn blank(&mut self) {
        if self.random.happens(85) {
            let blank = self.random.pick(&BLANKS);
            self.put(blank);
        } else {
            self.put(b" ");
            self.comment();
        }
    }

    fn comment(&mut self) {
        let kind = self.random.below(4);
        let (open, close): (&[u8], &[u8]) = match kind {
            0 => (b"-- ", b"\n"),
            1 => (b"#", b"\n"),
            2 => (b"/* ", b" */"),
            _ => (b"/*\n", b"\n*/"),
        };
        self.put(open);
        for _ in 0..self.random.below(5) {
            let piece = self.random.pick(&COMMENTED);
            self.put(piece);
        }
        self.put(close);
    }

    fn terminate(&mut self) {
        if self.random.happens(12) {
            let go = self.random.pick(&[b"\\g", b"\\G", b" \\g ", b"\n\\g"]);
            self.put(go);
        } else {
            let before = self.random.pick(&[b"", b"", b"", b" ", b"\n"]);
            self.put(before);
            let delimiter = self.delimiter.clone();
            self.put(delimiter.as_bytes());
        }
        let after = self
            .random
            .pick(&[b"\n", b"\n", b"\n", b"\n\n", b" ", b"", b" \t\n", b"\r\n"]);
        self.put(after);
    }

    fn change_delimiter(&mut self) {
        self.command_line();
        let word = DELIMITERS[self.random.below(DELIMITERS.len() as u64) as usize];
        let line = match self.random.below(8) {
            0 => format!("delimiter {word}"),
            1 => format!("  DELIMITER\t{word}  "),
            2 => format!("DeLiMiTeR '{word}'"),
            3 => format!("DELIMITER \"{word}\""),
            4 => format!("DELIMITER {word} trailing words;"),
            5 => format!("\\d {word}"),
            _ => format!("DELIMITER {word}"),
        };
        self.put(line.as_bytes());
        self.put(b"\n");
        word[..word.len().min(LONGEST_DELIMITER)].clone_into(&mut self.delimiter);
    }

    /// Takes the backslash's meaning away, or gives it back.
    fn mode(&mut self) {
        if self.escapes {
            let mode = self.random.pick(&MODES);
            let text = String::from_utf8_lossy(mode).replace('|', &format!("{}\n", self.delimiter));
            self.put(text.as_bytes());
        } else {
            self.put(b"SET sql_mode = DEFAULT");
        }
        self.escapes = !self.escapes;
        self.terminate();
    }

    /// How files end.
    fn end(&mut self) {
        if self.readers == Readers::All {
            self.command_line();
        }
        let end: &[u8] = match self.random.below(14) {
            0 => b"SELECT 'last'",
            1 => b"SELECT 'last' -- and least",
            2 => b"SELECT 'unterminated;\nSELECT 2;\n",
            3 => b"SELECT 1 /* unterminated;\nSELECT 2;\n",
            4 => b"-- last",
            5 => b"\n\\q\nSELECT 'unreached'",
            6 => b"\nexit\nSELECT 'unreached'",
            7 => b"SELECT 1 \\q\nSELECT 'unreached'",
            8 => b"/*! SELECT 2;\nSELECT 3",
            _ => b"",
        };
        self.put(end);
    }
}
