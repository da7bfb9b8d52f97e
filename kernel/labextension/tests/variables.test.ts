import assert from 'node:assert/strict';
import test from 'node:test';
import { type Variable, arrange, extent, told } from '../src/variables';

function variable(name: string, others: Partial<Variable> = {}): Variable {
  return { name, language: 'python', type: 'int', size: '', value: '1', ...others };
}

const names = (variables: Variable[]) => variables.map(({ name }) => name);

const some = [
  variable('x10', { size: '3 x 4' }),
  variable('x9', { size: '5', language: 'elixir' }),
  variable('df', { size: '2000 bytes', type: 'pandas.DataFrame' })
];

test('sorted by any column, in both directions, by name among equals', () => {
  assert.deepEqual(names(arrange(some, '', { column: 'name', down: false })), ['df', 'x9', 'x10']);
  assert.deepEqual(names(arrange(some, '', { column: 'name', down: true })), ['x10', 'x9', 'df']);
  assert.deepEqual(names(arrange(some, '', { column: 'size', down: true })), ['df', 'x10', 'x9']);
  assert.deepEqual(names(arrange(some, '', { column: 'language', down: false })), ['x9', 'df', 'x10']);
});

test('every word of the filter is found somewhere', () => {
  const filtered = (filter: string) => names(arrange(some, filter, { column: 'name', down: false }));
  assert.deepEqual(filtered('PANDAS'), ['df']);
  assert.deepEqual(filtered(' x python '), ['x10']);
  assert.deepEqual(filtered('nothing'), []);
});

test('sizes are compared by how much there is', () => {
  assert.deepEqual(['', '7', '2 x 3', '10 bytes'].map(extent), [-1, 7, 6, 10]);
});

test('what is no variable is passed over', () => {
  const data = {
    variables: [
      { name: 'a', language: 'elixir', type: 'list', size: null, value: '[]' },
      { name: 'b', language: 'ruby' },
      null,
      3
    ],
    more: true
  };
  assert.deepEqual(told(data), {
    variables: [{ name: 'a', language: 'elixir', type: 'list', size: '', value: '[]' }],
    more: true
  });
  for (const odd of [null, undefined, 3, {}, { variables: 'x' }]) {
    assert.deepEqual(told(odd), { variables: [], more: false });
  }
});
