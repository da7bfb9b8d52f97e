import assert from 'node:assert/strict';
import test from 'node:test';
import { type Cell, type Change, type Language, changeTo, languageOf, marked, named } from '../src/language';

const inElixir = (cell: Cell) => languageOf(cell, 'elixir');

test('a first line that is a marker decides', () => {
  const own = { language: 'elixir' };
  assert.deepEqual(inElixir({ source: '%%python\nx = 1', own }), { language: 'python', by: 'marker' });
  assert.equal(marked('%%elixir'), 'elixir');
  assert.equal(marked('%%python \r\n1'), 'python');
});

test('a line with more on it, or a later one, is no marker', () => {
  for (const source of ['%%python --bg\nx', 'x\n%%python', ' %%python\nx', '%%pythonic', '%%ruby\n', '']) {
    assert.equal(marked(source), undefined, JSON.stringify(source));
  }
});

test('then the metadata decide, our own before those of editors', () => {
  const cell = { source: 'x', own: { language: 'python' }, vscode: { languageId: 'elixir' } };
  assert.deepEqual(inElixir(cell), { language: 'python', by: 'metadata' });
  assert.deepEqual(inElixir({ source: 'x', vscode: { languageId: 'python' } }).language, 'python');
});

test('then the notebook does, whatever else the metadata hold', () => {
  for (const own of [undefined, null, 3, 'python', [], {}, { language: 'ruby' }, { language: 7 }]) {
    assert.deepEqual(inElixir({ source: 'x', own }), { language: 'elixir', by: 'notebook' });
  }
  assert.equal(languageOf({ source: 'x' }, 'python').language, 'python');
});

test('names that notebooks use', () => {
  assert.deepEqual(['Elixir', 'python3', 'ipython', 'ruby', undefined].map(named), [
    'elixir',
    'python',
    'python',
    undefined,
    undefined
  ]);
});

test('the metadata hold a language only where it would be another without', () => {
  const cases: [Cell, Language, Change][] = [
    [{ source: 'x' }, 'python', { kind: 'metadata', own: { language: 'python' } }],
    [{ source: 'x', own: { language: 'python' } }, 'elixir', { kind: 'metadata', own: undefined }],
    [
      { source: 'x', own: { language: 'python', other: 1 } },
      'elixir',
      { kind: 'metadata', own: { other: 1 } }
    ],
    // An editor has said otherwise.
    [
      { source: 'x', vscode: { languageId: 'python' } },
      'elixir',
      { kind: 'metadata', own: { language: 'elixir' } }
    ],
    [{ source: 'x', vscode: { languageId: 'python' } }, 'python', { kind: 'metadata', own: undefined }]
  ];
  for (const [cell, language, change] of cases) {
    assert.deepEqual(changeTo(language, cell, 'elixir'), change);
    const { own } = change as { own?: unknown };
    assert.equal(inElixir({ ...cell, own }).language, language);
  }
});

test('a marker is rewritten, and nothing after it', () => {
  const change = changeTo('elixir', { source: '%%python\n%%python' }, 'python');
  assert.deepEqual(change, { kind: 'marker', length: 8, text: '%%elixir' });
});
