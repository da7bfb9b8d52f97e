// Builds the extension as JupyterLab loads it ("prebuilt"): `node build.mjs` writes dist/, `--tests` the tests.
//
// JupyterLab loads a script, remoteEntry, which leaves a container: `init` is given the modules that all extensions
// share, `get` gives ours. What is not shared goes into ES modules beside it, those of a lazy `import()` apart.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const NAME = 'snakebridge';
const here = dirname(fileURLToPath(import.meta.url));

// JupyterLab has one of each, and so must the page: tokens, signals and tags of highlighting are told by identity.
const SHARED = /^@(jupyterlab|lumino)\/|^@codemirror\/(language|state|view)$|^@lezer\/(common|highlight)$/;

/** Takes the shared modules from where the container has put them, and notes which they are. */
function shared(names) {
  return {
    name: 'shared',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: SHARED }, ({ path }) => {
        names.add(path);
        return { path, namespace: 'shared' };
      });
      onLoad({ filter: /.*/, namespace: 'shared' }, ({ path }) => ({
        contents: `module.exports = globalThis._JUPYTERLAB[${JSON.stringify(NAME)}].modules[${JSON.stringify(path)}]`
      }));
    }
  };
}

/** The script that JupyterLab loads first. `import()` in it is relative to where it came from. */
function container(names, entry) {
  return `(() => {
  const names = ${JSON.stringify([...names].sort())};
  const modules = {};
  let scope;
  // Of several versions, the one in use; else the newest.
  const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0;
  const chosen = versions =>
    Object.keys(versions).reduce((a, b) =>
      !versions[a].loaded === !versions[b].loaded ? (newer(b, a) ? b : a) : versions[a].loaded ? a : b
    );
  const load = async name => {
    const versions = scope[name];
    if (!versions) throw new Error('this JupyterLab does not share ' + name);
    modules[name] = (await versions[chosen(versions)].get())();
  };
  (globalThis._JUPYTERLAB ??= {})[${JSON.stringify(NAME)}] = {
    modules,
    init(given) { scope = given; },
    async get() {
      await Promise.all(names.map(load));
      const exports = await import('./${entry}');
      return () => ({ __esModule: true, default: exports.default });
    }
  };
})();
`;
}

/** The version of everything here. */
function version() {
  const manifest = readFileSync(join(here, '../../Cargo.toml'), 'utf8');
  return /^version = "(.*)"$/m.exec(manifest)[1];
}

async function extension() {
  const names = new Set();
  const { outputFiles } = await build({
    entryPoints: { extension: join(here, 'src/index.ts') },
    absWorkingDir: here,
    outdir: join(here, 'dist/static'),
    entryNames: '[name].[hash]',
    chunkNames: '[name].[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'eof',
    loader: { '.css': 'text', '.svg': 'text' },
    write: false,
    plugins: [shared(names)]
  });
  const files = new Map(outputFiles.map(file => [relative(join(here, 'dist'), file.path), file.contents]));
  const entry = basename([...files.keys()].find(path => basename(path).startsWith('extension.')));
  const script = container(names, entry);
  const load = `static/remoteEntry.${createHash('sha256').update(script).digest('hex').slice(0, 12)}.js`;
  files.set(load, script);
  const { description, license } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
  const about = {
    name: NAME,
    version: version(),
    description,
    license,
    jupyterlab: { extension: true, schemaDir: 'schema', _build: { load, extension: './extension' } }
  };
  const json = JSON.stringify(about, null, 2) + '\n';
  files.set('package.json', json);
  // JupyterLab's settings are found by the extension's name, with its package.json beside them.
  files.set(`schemas/${NAME}/package.json.orig`, json);
  for (const file of readdirSync(join(here, 'schema')))
    files.set(`schemas/${NAME}/${file}`, readFileSync(join(here, 'schema', file)));
  replace(join(here, 'dist'), files);
}

/** Has the folder hold these files alone. What has not changed is not written, so that cargo sees no change. */
function replace(folder, files) {
  for (const path of readdirSync(folder, { recursive: true }).map(String)) {
    const kept = path === '.gitignore' || statSync(join(folder, path)).isDirectory() || files.has(path);
    if (!kept) rmSync(join(folder, path));
  }
  for (const [path, contents] of files) {
    const target = join(folder, path);
    const bytes = Buffer.from(contents);
    try {
      if (readFileSync(target).equals(bytes)) continue;
    } catch {
      mkdirSync(dirname(target), { recursive: true });
    }
    writeFileSync(target, bytes);
  }
}

async function tests() {
  const found = readdirSync(join(here, 'tests')).filter(name => name.endsWith('.test.ts'));
  await build({
    entryPoints: found.map(name => join(here, 'tests', name)),
    outdir: join(here, 'dist-tests'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node'
  });
}

await (process.argv.includes('--tests') ? tests() : extension());
