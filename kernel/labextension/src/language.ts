// The language of a cell, by the kernel's own rules: a first line `%%python` or `%%elixir`, else the cell's metadata,
// else the notebook's language. Knows nothing of JupyterLab.

export type Language = 'elixir' | 'python';

export const LANGUAGES: readonly Language[] = ['elixir', 'python'];

/** What people read. */
export const TITLES: Readonly<Record<Language, string>> = { elixir: 'Elixir', python: 'Python' };

/** What of a cell says its language. */
export interface Cell {
  readonly source: string;
  /** The cell's metadata `snakebridge`, whatever it is. */
  readonly own?: unknown;
  /** The cell's metadata `vscode`, whatever it is. */
  readonly vscode?: unknown;
}

/** The language, and what has decided it. */
export interface Decided {
  readonly language: Language;
  readonly by: 'marker' | 'metadata' | 'notebook';
}

/** What is to be written to a cell so that it has another language. */
export type Change =
  /** The first so many characters of the source become this text. */
  | { readonly kind: 'marker'; readonly length: number; readonly text: string }
  /** The metadata `snakebridge` become these; `undefined` where none are needed. */
  | { readonly kind: 'metadata'; readonly own: Record<string, unknown> | undefined };

/** The language that a name names, with the aliases that notebooks use. */
export function named(name: unknown): Language | undefined {
  switch (typeof name === 'string' ? name.toLowerCase() : undefined) {
    case 'elixir':
      return 'elixir';
    case 'python':
    case 'python3':
    case 'ipython':
    case 'ipython3':
      return 'python';
    default:
      return undefined;
  }
}

/** The language that the first line marks. A line with more on it is code. */
export function marked(source: string): Language | undefined {
  const end = source.indexOf('\n');
  const first = (end < 0 ? source : source.slice(0, end)).trimEnd();
  return LANGUAGES.find(language => first === `%%${language}`);
}

/** The language of a cell in a notebook of that language. */
export function languageOf(cell: Cell, notebook: Language): Decided {
  const marker = marked(cell.source);
  if (marker) return { language: marker, by: 'marker' };
  const metadata = named(field(cell.own, 'language')) ?? named(field(cell.vscode, 'languageId'));
  if (metadata) return { language: metadata, by: 'metadata' };
  return { language: notebook, by: 'notebook' };
}

/**
 * How a cell gets a language: by what decides it now. A first line is rewritten; else the metadata are set, and hold
 * nothing where the cell has that language without them.
 */
export function changeTo(language: Language, cell: Cell, notebook: Language): Change {
  const marker = marked(cell.source);
  if (marker) return { kind: 'marker', length: marker.length + 2, text: `%%${language}` };
  const { language: _, ...others } = record(cell.own) ?? {};
  const without = languageOf({ ...cell, own: others }, notebook).language;
  const own = without === language ? others : { ...others, language };
  return { kind: 'metadata', own: Object.keys(own).length > 0 ? own : undefined };
}

/** The other one. */
export function other(language: Language): Language {
  return language === 'elixir' ? 'python' : 'elixir';
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function field(value: unknown, name: string): unknown {
  return record(value)?.[name];
}
