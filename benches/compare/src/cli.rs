//! The command line.

use std::path::PathBuf;

use crate::library::Fault;

pub const USAGE: &str = "\
usage: compare [WHAT ...] [OPTION ...]

WHAT is `all`, a mode (inmem, defl150, defl8k, flood, tls, send, echo, connect, mem) or a part of MODE/ROW, as in
`inmem/receive 150`.

  --rounds N        rounds of every row, and the median is taken of them (default 9; mem takes at most 3)
  --quick           3 rounds of a tenth of the work: to see that everything runs, not to quote
  --connections N   idle connections of mem (default 5,000 for ws, 1,000 for wss)
  --json FILE       write all figures
  --svg FILE        draw the chart of the README";

pub struct Options {
    what: Vec<String>,
    pub rounds: usize,
    pub quick: bool,
    pub connections: Option<usize>,
    pub json: Option<PathBuf>,
    pub svg: Option<PathBuf>,
}

impl Options {
    /// # Errors
    ///
    /// When an option is unknown or lacks its value.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Fault> {
        let mut options = Self {
            what: Vec::new(),
            rounds: 9,
            quick: false,
            connections: None,
            json: None,
            svg: None,
        };
        let mut rounds = None;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--rounds" => rounds = Some(value()?.parse()?),
                "--connections" => options.connections = Some(value()?.parse()?),
                "--json" => options.json = Some(value()?.into()),
                "--svg" => options.svg = Some(value()?.into()),
                "--quick" => options.quick = true,
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}\n\n{USAGE}").into());
                }
                _ => options.what.push(argument),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 3 } else { 9 }).max(1);
        Ok(options)
    }

    pub fn wants(&self, mode: &str, row: &str) -> bool {
        let name = format!("{mode}/{row}");
        self.what.is_empty()
            || self.what.iter().any(|what| {
                what == "all" || what == mode || name.contains(what.as_str()) && what.contains('/')
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options::parse(line.split_whitespace().map(String::from)).unwrap()
    }

    #[test]
    fn a_mode_wants_its_rows_and_a_part_of_a_name_the_rows_that_have_it() {
        assert!(options("").wants("inmem", "send 1 KiB"));
        assert!(options("all").wants("tls", "flood"));
        assert!(options("send").wants("send", "one by one"));
        assert!(!options("send").wants("inmem", "send 1 KiB"));
        assert!(options("inmem/send").wants("inmem", "send 1 KiB"));
        assert!(!options("inmem/send").wants("inmem", "receive 1 KiB"));
    }

    #[test]
    fn quick_means_three_rounds_unless_said_otherwise() {
        assert_eq!(options("all --quick").rounds, 3);
        assert_eq!(options("all --quick --rounds 5").rounds, 5);
        assert_eq!(options("all").rounds, 9);
    }

    #[test]
    fn a_misspelt_option_is_an_error() {
        assert!(Options::parse(["--round".to_string()]).is_err());
        assert!(Options::parse(["--rounds".to_string()]).is_err());
    }
}
