//! The summary for a terminal: a table with the best of each column marked, then the verdict.

use crate::document::Document;
use crate::verdict::{Column, verdict};

/// A table of methods and the verdict, at most `width` columns where words allow.
pub fn terminal_summary(document: &Document, width: usize) -> String {
    let verdict = verdict(document);
    let mut rows = vec![vec!["method".to_owned()]];
    rows[0].extend(Column::ALL.iter().map(|column| column.heading().to_owned()));
    for (number, method) in document.methods.iter().enumerate() {
        let mut row = vec![method.method.clone()];
        for (column, best) in Column::ALL.iter().zip(&verdict.best) {
            let mark = if best.contains(&number) { "*" } else { " " };
            row.push(format!("{}{mark}", column.show(method)));
        }
        rows.push(row);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|at| {
            rows.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        text += &format!("{:<1$}", row[0], widths[0]);
        for (cell, wide) in row.iter().zip(&widths).skip(1) {
            text += &format!("  {cell:>wide$}");
        }
        text += "\n";
    }
    text += "* best of its column, or about the same\n\n";
    let restores = document.methods.iter().flat_map(|method| &method.restores);
    let (count, good) = restores.fold((0, 0), |(count, good), restore| {
        (count + 1, good + u32::from(restore.verified))
    });
    text += &wrap(
        &format!("{good} of {count} restores equal their source byte for byte."),
        width,
    );
    for sentence in &verdict.sentences {
        text += &wrap(sentence, width);
    }
    text
}

fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
    }
    out.push('\n');
    out
}
