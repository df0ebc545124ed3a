//! Columns that line up.

use std::io::{self, Write};

use super::{WIDTH, escape, wrap};

/// Writes rows with columns as wide as their widest cell; the last column is wrapped. Cells are escaped.
pub(crate) fn write<const N: usize>(to: &mut dyn Write, indent: usize, rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = [0_usize; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(escape::line(cell).chars().count());
        }
    }
    for row in rows {
        let mut label = " ".repeat(indent);
        if let Some((last, cells)) = row.split_last() {
            for (cell, width) in cells.iter().zip(widths) {
                label.push_str(&format!("{:width$}  ", escape::line(cell)));
            }
            if label.chars().count() + 16 > WIDTH {
                writeln!(to, "{label}{}", escape::line(last))?;
            } else {
                wrap::hanging(to, &label, last)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        let rows = [["a".to_owned(), "first".to_owned()], ["longer".to_owned(), "second\u{7}".to_owned()]];
        write(&mut out, 2, &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  a       first\n  longer  second\\u{7}\n");
    }
}
