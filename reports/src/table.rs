//! The summary for a terminal: a table with the best of each column marked, then the verdict.

use crate::column::Column;
use crate::document::Document;
use crate::units::{bound, plain};
use crate::verdict::verdict;

/// Columns between two cells.
const GAP: usize = 2;

/// A table of methods and the verdict as plain text, at most `width` columns wide where words
/// allow: a table that is wider goes on below.
pub fn terminal_summary(document: &Document, width: usize) -> String {
    let verdict = verdict(document);
    let mut rows = vec![vec!["method".to_owned()]];
    rows[0].extend(
        Column::ALL
            .iter()
            .map(|column| format!("{} ", column.heading())),
    );
    for (number, method) in document.methods.iter().enumerate() {
        let mut row = vec![plain(&method.method)];
        for (column, best) in Column::ALL.iter().zip(&verdict.best) {
            let mark = if best.contains(&number) { "*" } else { " " };
            row.push(format!("{}{mark}", column.show(method)));
        }
        rows.push(row);
    }
    let mut text = String::new();
    for block in blocks(&rows, width) {
        text += &block;
    }
    text += &wrap(
        "* best of its column, or about the same; memory is not ranked",
        width,
    );
    text.push('\n');
    for sentence in &verdict.sentences {
        text += &wrap(sentence, width);
    }
    text += &wrap(&verdict.proof(), width);
    text
}

/// The rows as one table, or as several with the first column repeated where one is too wide.
pub(crate) fn blocks(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut used = usize::MAX;
    for (at, wide) in widths.iter().enumerate().skip(1) {
        used = used.saturating_add(GAP + wide);
        if used > width {
            blocks.push(Vec::new());
            used = widths[0] + GAP + wide;
        }
        blocks
            .last_mut()
            .map_or_else(Default::default, |block| block.push(at));
    }
    let mut out = Vec::new();
    for block in &blocks {
        let mut text = String::new();
        for row in rows {
            let mut line = format!("{:<1$}", row[0], widths[0]);
            for at in block {
                line += &format!("{}{:>2$}", " ".repeat(GAP), row[*at], widths[*at]);
            }
            text += line.trim_end();
            text.push('\n');
        }
        out.push(text);
    }
    out
}

/// The text in lines no wider than that, where words allow.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in bound(text).split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += &word.replace('\u{a0}', " ");
        column += length;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::terminal_summary;
    use crate::sample::{USUAL, comparison, document, price};

    #[test]
    fn the_whole_summary_reads_so() {
        let expected = "\
method           sent    stored   cost/month   RTO (newest)   chain   backups took   peak memory
full          300 MiB   300 MiB      $0.0070            1 s*      1*        3.15 s        64 MiB
differential  160 MiB   160 MiB      $0.0038         1.20 s       2         1.68 s        64 MiB
incremental   140 MiB*  140 MiB*     $0.0033*        1.50 s       3         1.47 s*       64 MiB
* best of its column, or about the same; memory is not ranked

Pick incremental to pay and send least: 140 MiB kept, $0.0033 a month, which is $16.44 for each TB
of source; full keeps 2.1 times as much.
Pick full to be back soonest: the newest point was restored in about 1 s; incremental took about
1.5 s.
Pick full to depend on the fewest points: every restore needs one point only; with incremental it
needs up to 3, and damage to one hurts all that hang on it.
6 of 6 restores equal their source byte for byte.
";
        assert_eq!(terminal_summary(&document(&USUAL), 100), expected);
    }

    #[test]
    fn a_narrow_terminal_is_not_overrun() {
        for width in [40, 60, 80] {
            let text = terminal_summary(&document(&USUAL), width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{widest:?} of {width}:\n{text}");
            assert!(
                text.matches("differential ").count() >= 2,
                "the name is repeated"
            );
            assert!(text.contains("peak memory"), "no column is lost");
        }
        assert!(!terminal_summary(&document(&USUAL), 0).is_empty());
    }

    #[test]
    fn names_can_not_steer_the_terminal() {
        let mut rows = comparison(&USUAL);
        rows.methods[0].method = "\u{1b}[31mred\u{7}".to_owned();
        let text = terminal_summary(&price(&rows), 100);
        assert!(text.contains("[31mred"));
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
    }
}
