//! `:load` and `:save`: files of cells.

use std::io;
use std::path::Path;

use bridge_core::error::Hint;
use bridge_core::language::Language;
use bridge_core::notebook::{Cell, CellKind, CellOutputs, Format, Notebook, Outputs};
use bridge_core::record::{RecordedCell, Records};
use bridge_core::session::{CellRequest, Status};

use crate::config::home;
use crate::console::{Console, Next};

/// `:load FILE`.
pub(super) fn load(console: &mut Console, file: &str) -> io::Result<Next> {
    if file.is_empty() {
        console.complain("load what?", "a file follows, as in `:load notebook.ipynb`")?;
        return Ok(Next::Read);
    }
    let path = home(file);
    let notebook = match read(&path) {
        Ok(notebook) => notebook,
        Err((what, hint)) => {
            console.note(&format!("{} cannot be loaded: {what}", path.display()))?;
            if let Some(hint) = hint {
                console.hint(&hint)?;
            }
            return Ok(Next::Read);
        }
    };
    let code: Vec<&Cell> = notebook.cells.iter().filter(|cell| !cell.is_blank()).collect();
    for (index, cell) in code.iter().enumerate() {
        let CellKind::Code(language) = cell.kind else {
            continue;
        };
        let source = unmarked(&cell.source);
        console.show_entry(language, source)?;
        let outcome = console.timed(CellRequest::new(language, source))?;
        if outcome.next == Next::Leave {
            return Ok(Next::Leave);
        }
        let left = code.len() - index - 1;
        if outcome.status != Status::Ok && left > 0 {
            console.note(&format!("{} of {} did not run", count(left), path.display()))?;
            break;
        }
    }
    Ok(Next::Read)
}

/// The source without the line that names its language, which the prompt does.
fn unmarked(source: &str) -> &str {
    match source.split_once('\n') {
        Some((first, rest)) if Language::from_marker(first).is_some() => rest,
        _ => source,
    }
}

/// The file's cells, or why there are none, and what to do.
fn read(path: &Path) -> Result<Notebook, (String, Option<String>)> {
    let told = |error: bridge_core::notebook::Error| (error.to_string(), error.hint());
    let format = Format::of_path(path).map_err(told)?;
    // Without the path, which the caller tells.
    let text = std::fs::read(path).map_err(|error| (error.to_string(), None))?;
    let text = String::from_utf8(text).map_err(|_| ("it is not UTF-8 text".to_owned(), None))?;
    Notebook::parse(&text, format).map_err(told)
}

/// `:save FILE [CELLS]`.
pub(super) fn save(console: &mut Console, arguments: &str) -> io::Result<Next> {
    match saved(console, arguments) {
        Ok(text) => console.say(&text)?,
        Err((what, hint)) => {
            console.note(&what)?;
            if let Some(hint) = hint {
                console.hint(&hint)?;
            }
        }
    }
    Ok(Next::Read)
}

fn saved(console: &Console, arguments: &str) -> Result<String, (String, Option<String>)> {
    let complaint = |what: &str, hint: &str| (what.to_owned(), Some(hint.to_owned()));
    let (replace, arguments) = match arguments.strip_prefix("-f ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, arguments),
    };
    let mut words = arguments.split([' ', ',']).filter(|word| !word.is_empty());
    let file = words
        .next()
        .ok_or_else(|| complaint("save where?", "a file follows, as in `:save notebook.ipynb`"))?;
    let path = home(file);
    let format = Format::of_path(&path).map_err(|error| (error.to_string(), error.hint()))?;
    let ranges: Option<Vec<_>> = words.map(range).collect();
    let ranges = ranges.ok_or_else(|| complaint("which cells?", "numbers follow the file: `3 5-7 9-`"))?;
    let name = console.session().name().ok_or_else(|| {
        complaint(
            "nothing of this session is kept",
            "without `--no-record` cells are recorded, and can be saved",
        )
    })?;
    let record = Records::of_user()
        .and_then(|records| records.load(name))
        .map_err(|error| (error.to_string(), error.hint()))?;
    let wanted: Vec<&RecordedCell> = record
        .cells
        .iter()
        .filter(|cell| match ranges.as_slice() {
            [] => cell.status == Some(Status::Ok),
            ranges => ranges.iter().any(|range| range.contains(&cell.number)),
        })
        .collect();
    if wanted.is_empty() {
        return Err(("there are no such cells".to_owned(), None));
    }
    if path.exists() && !replace {
        return Err(complaint(
            &format!("{} exists already", path.display()),
            "`:save -f FILE` replaces it",
        ));
    }
    let cells: Vec<_> = wanted
        .iter()
        .map(|cell| (cell.language, cell.source.as_str()))
        .collect();
    let mut notebook = Notebook::of_cells(&cells);
    notebook.set_outputs(wanted.iter().map(|cell| outputs(cell)).collect());
    let title = path.file_stem().unwrap_or_default().to_string_lossy();
    let (text, losses) = notebook.write(format, &title);
    fs_err::write(&path, text).map_err(|error| (error.to_string(), None))?;
    let left_out = record.cells.len() - wanted.len();
    let rest = if ranges.is_empty() && left_out > 0 {
        format!("; {} that did not go well left out", count(left_out))
    } else {
        String::new()
    };
    let lost = match losses.len() {
        0 => String::new(),
        lost => format!("; {lost} outputs that such a file cannot hold left out"),
    };
    Ok(format!(
        "{} written to {}{rest}{lost}",
        count(wanted.len()),
        path.display()
    ))
}

fn outputs(cell: &RecordedCell) -> Option<CellOutputs> {
    let mut outputs = Outputs::of_cell(cell.number);
    for event in &cell.events {
        outputs.add(event.clone());
    }
    Some(outputs.cell)
}

/// `3`, `5-7`, `9-`.
fn range(word: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    let to = if to.is_empty() { u64::MAX } else { to.parse().ok()? };
    Some(from.parse().ok()?..=to)
}

/// The files and folders whose paths start so.
pub(super) fn names(typed: &str) -> Vec<String> {
    let folder = &typed[..typed.rfind('/').map_or(0, |slash| slash + 1)];
    let listed = home(if folder.is_empty() { "." } else { folder });
    let hidden = typed[folder.len()..].starts_with('.');
    let mut names: Vec<String> = std::fs::read_dir(listed)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let end = if entry.path().is_dir() { "/" } else { "" };
            (hidden || !name.starts_with('.')).then(|| format!("{folder}{name}{end}"))
        })
        .collect();
    names.sort();
    names
}

fn count(cells: usize) -> String {
    format!("{cells} cell{}", if cells == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_by_numbers() {
        assert_eq!(range("3"), Some(3..=3));
        assert_eq!(range("5-7"), Some(5..=7));
        assert_eq!(range("9-"), Some(9..=u64::MAX));
        assert_eq!(range("x"), None);
        assert_eq!(range("-3"), None);
    }
}
