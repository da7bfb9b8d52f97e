//! Markdown as text for a terminal: wrapped at words to a width, code highlighted, tables aligned.
//!
//! Without colours the marks of Markdown that carry meaning stay (`#`, `**`, backticks), so that nothing is lost.
//! It is no browser: images are their text, and HTML is what it says.

mod table;
mod wrap;

use nu_ansi_term::Style;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::highlight;
use crate::theme;
use table::Table;
pub(crate) use wrap::{Run, paint, wrap};

/// No line of prose is longer: it could not be read.
const WIDEST: usize = 100;

/// The text for a terminal of that width. Lines have no spaces at their ends, and none follows the last one.
pub(crate) fn render(markdown: &str, width: usize, colours: bool) -> String {
    let mut page = Page {
        width: width.max(20),
        colours,
        lines: Vec::new(),
        margin: Vec::new(),
        marker: None,
        gap: false,
        runs: Vec::new(),
        styles: vec![Style::new()],
        lists: Vec::new(),
        link: None,
        code: None,
        table: None,
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(markdown, options) {
        page.event(event);
    }
    page.flush();
    while page.lines.last().is_some_and(String::is_empty) {
        page.lines.pop();
    }
    page.lines.join("\n")
}

/// What has been written, and where the text is in the document.
struct Page {
    width: usize,
    colours: bool,
    lines: Vec<String>,
    /// What stands before each line, from the outside in: indentation of items, bars of quotes.
    margin: Vec<String>,
    /// What the next line has in the place of the last margin: the mark of an item.
    marker: Option<String>,
    /// Whether an empty line is due before the next block.
    gap: bool,
    /// The text of the block that has begun.
    runs: Vec<Run>,
    styles: Vec<Style>,
    /// The lists around, with the number of the next item of those that have numbers.
    lists: Vec<Option<u64>>,
    /// Where the link leads that has begun, and at which run.
    link: Option<(String, usize)>,
    /// The language and the text of the block of code that has begun.
    code: Option<(String, String)>,
    table: Option<Table>,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(code) | Event::InlineMath(code) | Event::DisplayMath(code) => {
                let style = self.style().fg(theme::colours().code);
                let text = if self.colours {
                    code.into_string()
                } else {
                    format!("`{code}`")
                };
                self.runs.push(Run { text, style });
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.text("\n"),
            Event::Rule => {
                let width = self.room().min(40);
                self.block(&["─".repeat(width)]);
                self.gap = true;
            }
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            Event::FootnoteReference(name) => self.text(&format!("[{name}]")),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.flush(),
            Tag::Heading { level, .. } => {
                self.flush();
                self.gap = !self.lines.is_empty();
                let style = Style::new().bold();
                let style = if level as usize <= 2 {
                    style.underline()
                } else {
                    style
                };
                self.styles.push(style);
                if !self.colours {
                    let marks = "#".repeat(level as usize);
                    self.text(&format!("{marks} "));
                }
            }
            Tag::BlockQuote(_) => {
                self.flush();
                if self.marker.is_none() && std::mem::take(&mut self.gap) && !self.lines.is_empty() {
                    self.lines.push(self.margin.concat().trim_end().to_owned());
                }
                self.margin.push(if self.colours { "│ " } else { "> " }.into());
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                let nested = !self.lists.is_empty();
                self.flush();
                if nested {
                    self.gap = false;
                }
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ if self.colours => "• ".into(),
                    _ => "- ".into(),
                };
                self.margin.push(" ".repeat(mark.chars().count()));
                self.marker = Some(mark);
            }
            Tag::Emphasis => self.open(self.style().italic(), "*"),
            Tag::Strong => self.open(self.style().bold(), "**"),
            Tag::Strikethrough => self.open(self.style().strikethrough(), "~~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), self.runs.len()));
                self.styles.push(self.style().underline());
            }
            Tag::Table(alignments) => {
                self.flush();
                self.table = Some(Table::new(alignments));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.flush();
                self.gap = true;
            }
            TagEnd::Heading(_) => {
                self.styles.pop();
                drop_attributes(&mut self.runs);
                self.flush();
                self.gap = true;
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.margin.pop();
                self.gap = true;
            }
            TagEnd::CodeBlock => {
                if let Some((language, code)) = self.code.take() {
                    self.code_block(&language, &code);
                    self.gap = true;
                }
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap |= self.lists.is_empty();
            }
            TagEnd::Item => {
                self.flush();
                // An item of nothing.
                if self.marker.is_some() {
                    self.block(&[String::new()]);
                }
                self.margin.pop();
            }
            TagEnd::Emphasis => self.close("*"),
            TagEnd::Strong => self.close("**"),
            TagEnd::Strikethrough => self.close("~~"),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableCell => {
                let runs = std::mem::take(&mut self.runs);
                if let Some(table) = &mut self.table {
                    table.cell(runs);
                }
            }
            TagEnd::TableRow | TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.end_row();
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    let lines = table.lines(self.width.saturating_sub(self.margin_width()), self.colours);
                    self.block(&lines);
                    self.gap = true;
                }
            }
            _ => {}
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn text(&mut self, text: &str) {
        let style = self.style();
        self.runs.push(Run {
            text: text.to_owned(),
            style,
        });
    }

    fn open(&mut self, style: Style, mark: &str) {
        if !self.colours {
            self.text(mark);
        }
        self.styles.push(style);
    }

    fn close(&mut self, mark: &str) {
        self.styles.pop();
        if !self.colours {
            self.text(mark);
        }
    }

    /// The address follows the text, unless it is the text, or leads to another page of the same documentation.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((address, first)) = self.link.take() else {
            return;
        };
        let text: String = self
            .runs
            .iter()
            .skip(first)
            .map(|run| run.text.as_str())
            .collect();
        let outside = ["http://", "https://", "file://", "mailto:"];
        if outside.iter().any(|scheme| address.starts_with(scheme)) && !address.ends_with(&text) {
            self.text(&format!(" ({address})"));
        }
    }

    /// Comments say nothing, and tags little; what stands between them is text.
    fn html(&mut self, html: &str) {
        let mut rest = html;
        let mut text = String::new();
        while let Some(at) = rest.find('<') {
            text.push_str(&rest[..at]);
            let end = if rest[at..].starts_with("<!--") {
                "-->"
            } else {
                ">"
            };
            rest = rest[at..]
                .find(end)
                .map_or("", |found| &rest[at + found + end.len()..]);
        }
        text.push_str(rest);
        if !text.trim().is_empty() {
            self.text(&text);
        }
    }

    fn margin_width(&self) -> usize {
        self.margin.iter().map(|part| part.chars().count()).sum()
    }

    /// How wide prose may be.
    fn room(&self) -> usize {
        self.width
            .min(WIDEST.max(self.width * 2 / 3))
            .saturating_sub(self.margin_width())
            .max(20)
    }

    /// Writes the text that has been gathered.
    fn flush(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        if runs.iter().all(|run| run.text.trim().is_empty()) {
            return;
        }
        let lines: Vec<String> = wrap(&runs, self.room())
            .iter()
            .map(|line| paint(line, self.colours))
            .collect();
        self.block(&lines);
    }

    /// Writes lines, each behind the margin.
    fn block(&mut self, lines: &[String]) {
        let quotes = |margin: &[String]| margin.concat().trim_end().to_owned();
        if std::mem::take(&mut self.gap) && !self.lines.is_empty() {
            let outer = match self.marker {
                Some(_) => &self.margin[..self.margin.len().saturating_sub(1)],
                None => &self.margin[..],
            };
            self.lines.push(quotes(outer));
        }
        for line in lines {
            let mut margin = self.margin.concat();
            if let Some(marker) = self.marker.take() {
                margin.truncate(margin.len() - self.margin.last().map_or(0, String::len));
                margin.push_str(&marker);
            }
            self.lines.push((margin + line).trim_end().to_owned());
        }
    }

    fn code_block(&mut self, language: &str, code: &str) {
        let language = language
            .split([' ', ',', '{'])
            .next()
            .unwrap_or_default()
            .trim_start_matches('.');
        let lines = if self.colours {
            highlight::code(language, code)
        } else {
            code.lines().map(str::to_owned).collect()
        };
        // What is plain text stands where text stands.
        let indent = if language == "text" { "" } else { "    " };
        let lines: Vec<String> = lines.iter().map(|line| format!("{indent}{line}")).collect();
        self.block(&lines);
    }
}

/// The attributes that ExDoc takes behind a heading, as `{: .info}`.
fn drop_attributes(runs: &mut [Run]) {
    if let Some(last) = runs.last_mut()
        && last.text.ends_with('}')
        && let Some(at) = last.text.rfind("{:")
    {
        last.text.truncate(at);
    }
}

#[cfg(test)]
mod tests;
