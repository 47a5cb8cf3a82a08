/** The shape that every package in `packages/` has. Pure: no disk, no process. */

/** A package as its files are; paths are relative to its folder, with `/`. */
export interface PackageFolder {
  readonly folder: string;
  readonly files: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly [field: string]: unknown;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly keywords?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const SCOPE = '@promethean/';
const CORE = `${SCOPE}pantheon-core`;
/** What every manifest says word for word. */
const FIELDS: Readonly<Record<string, unknown>> = {
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  files: ['dist', 'src', '!**/*.test.ts', '!**/*.test-d.ts', '!**/.tsbuildinfo'],
  publishConfig: { access: 'public', provenance: true },
  engines: { node: '>=22.13' },
};
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
/** What the README of an adapter has, and how it is recognised. */
const README: Readonly<Record<string, RegExp>> = {
  'how to install it': /^(npm (install|i)|pnpm add) .*@promethean\/adapter-/m,
  'an example': /^```ts/m,
  'a table of the options with their defaults': /^\|.*\bdefault\b.*\|/im,
  'a section on what it guarantees': /^##+ .*\b(guarantee|keep|promise)/im,
  'a section on its errors': /^##+ .*\berror/im,
};
/** Ports with a contract suite. `log` and `now` are plain functions. */
const SUITES = ['bus', 'context', 'llm', 'scheduler', 'state', 'tools'];
/** `import … from`, `export … from`, `import '…'` and `import('…')`. */
const IMPORTS =
  /^(?:import|export)\b[^'"`;]*\bfrom ['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]/gm;
const VAGUE_FOLDERS = ['common', 'helpers', 'lib', 'shared', 'utils'];

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const isTest = (file: string): boolean => /\.test(-d)?\.ts$/.test(file);
const isAdapter = (pkg: PackageFolder): boolean => pkg.folder.startsWith('adapter-');
const portOf = (pkg: PackageFolder): string => pkg.folder.split('-').at(-1) ?? '';
const conceptOf = (pkg: PackageFolder): string => pkg.folder.replace('adapter-', '');

const manifestOf = (pkg: PackageFolder): Manifest =>
  JSON.parse(pkg.files.get('package.json') ?? '{}') as Manifest;

function* fieldProblems(pkg: PackageFolder, manifest: Manifest): Iterable<string> {
  if (manifest['name'] !== `${SCOPE}${pkg.folder}`)
    yield `package.json: name must be ${SCOPE}${pkg.folder}`;
  if (manifest['private'] !== undefined)
    yield 'package.json: a package is public; remove "private"';
  if (!manifest['description']) yield 'package.json: description is missing';
  for (const [field, value] of Object.entries(FIELDS)) {
    if (!same(manifest[field], value))
      yield `package.json: ${field} must be ${JSON.stringify(value)}`;
  }
  const repository = manifest['repository'] as { readonly directory?: string } | undefined;
  if (repository?.directory !== `packages/${pkg.folder}`) {
    yield `package.json: repository.directory must be packages/${pkg.folder}`;
  }
  for (const script of INSTALL_SCRIPTS) {
    if (manifest.scripts?.[script] !== undefined)
      yield `package.json: scripts.${script} would run on a user's machine; remove it`;
  }
  const wanted = isAdapter(pkg)
    ? ['pantheon', 'pantheon-adapter', `pantheon-adapter-${portOf(pkg)}`]
    : ['pantheon'];
  for (const keyword of wanted)
    if (!manifest.keywords?.includes(keyword))
      yield `package.json: keywords must include ${keyword}`;
}

function* exportProblems(pkg: PackageFolder, manifest: Manifest): Iterable<string> {
  const entries = Object.entries(manifest.exports ?? {});
  if (!entries.some(([path]) => path === '.')) yield 'package.json: exports["."] is missing';
  for (const [path, target] of entries) {
    if (path === './package.json') continue;
    const conditions = target as Readonly<Record<string, string>>;
    const source = conditions['@promethean/source'] ?? '';
    const module = source.replace(/^\.\/src\/(.+)\.ts$/, './dist/$1');
    // Order matters: the first condition that fits wins.
    const right = {
      '@promethean/source': source,
      types: `${module}.d.ts`,
      default: `${module}.js`,
    };
    if (!same(conditions, right))
      yield `package.json: exports["${path}"] must be ${JSON.stringify(right)}`;
    else if (!pkg.files.has(source.slice(2)))
      yield `package.json: exports["${path}"] names ${source}, which does not exist`;
  }
  if (manifest.exports?.['./package.json'] !== './package.json')
    yield 'package.json: exports["./package.json"] is missing';
}

function* dependencyProblems(pkg: PackageFolder, manifest: Manifest): Iterable<string> {
  const kinds = ['dependencies', 'peerDependencies', 'optionalDependencies'];
  if (pkg.folder === 'pantheon-core') {
    for (const kind of kinds)
      if (manifest[kind] !== undefined) yield `package.json: the core has no ${kind}`;
    return;
  }
  if (pkg.folder !== 'pantheon-testkit' && !isAdapter(pkg)) return;
  if (manifest.peerDependencies?.[CORE] !== 'workspace:^')
    yield `package.json: peerDependencies must have ${CORE} as workspace:^`;
  if (manifest.devDependencies?.[CORE] !== 'workspace:*')
    yield `package.json: devDependencies must have ${CORE} as workspace:*`;
  for (const kind of kinds) {
    for (const name of Object.keys(manifest[kind] ?? {})) {
      const own = name.startsWith(SCOPE) && !(name === CORE && kind === 'peerDependencies');
      if (own) yield `package.json: ${kind} must not have ${name}`;
    }
  }
}

function* fileProblems(pkg: PackageFolder): Iterable<string> {
  for (const file of ['README.md', 'LICENSE', 'tsconfig.json', 'src/index.ts']) {
    if (!pkg.files.has(file)) yield `${file} is missing`;
  }
  for (const file of pkg.files.keys()) {
    const vague = file
      .split('/')
      .find((part, index, parts) => index < parts.length - 1 && VAGUE_FOLDERS.includes(part));
    if (vague !== undefined)
      yield `${file}: a folder "${vague}" says nothing; put the file beside its user, or name the concept`;
  }
  if (!isAdapter(pkg)) return;
  const readme = pkg.files.get('README.md') ?? '';
  for (const [part, pattern] of Object.entries(README)) {
    if (!pattern.test(readme)) yield `README.md: ${part} is missing`;
  }
  const concept = conceptOf(pkg);
  if (!pkg.files.has(`src/${concept}.ts`))
    yield `src/${concept}.ts is missing: the factory lives in the file named like the package`;
  const kinds = [
    '.test.ts',
    '.test-d.ts',
    ...(SUITES.includes(portOf(pkg)) ? ['.contract.test.ts'] : []),
  ];
  for (const kind of kinds) {
    if (!pkg.files.has(`src/${concept}${kind}`)) yield `src/${concept}${kind} is missing`;
  }
  const index = (pkg.files.get('src/index.ts') ?? '').trim();
  // Statements, not lines: where the formatter breaks a line makes nothing simpler.
  const exported = index.match(/^export /gm)?.length ?? 0;
  if (exported > 8) yield `src/index.ts: ${exported} export statements; an adapter has at most 8`;
  const rest = index
    .replace(/\/\*\*[\s\S]*?\*\//g, '')
    .replace(/^export (type )?\{[^}]*\} from '\.\/[\w./-]+';$/gm, '');
  if (rest.trim() !== '')
    yield `src/index.ts: named re-exports only, not: ${rest.trim().split('\n')[0]}`;
}

function* importProblems(pkg: PackageFolder): Iterable<string> {
  for (const [file, text] of pkg.files) {
    if (!/\.(ts|tsx|mts|mjs|js)$/.test(file)) continue;
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [, from, bare, late] of code.matchAll(IMPORTS)) {
      const specifier = from ?? bare ?? late ?? '';
      const problem = importProblem(pkg, file, specifier);
      if (problem !== '') yield `${file}: imports ${specifier}; ${problem}`;
    }
  }
}

const importProblem = (pkg: PackageFolder, file: string, specifier: string): string => {
  if (/^@promethean\/[^/]+\/(src|dist)\b/.test(specifier)) return 'import what a package exports';
  if (isAdapter(pkg) && /^@promethean\/(adapter-|pantheon$|pantheon\/)/.test(specifier)) {
    return 'an adapter knows neither another adapter nor the umbrella';
  }
  if (pkg.folder === 'pantheon-testkit' && /^@promethean\/(adapter-|pantheon$)/.test(specifier))
    return 'the testkit knows the core only';
  if (pkg.folder !== 'pantheon-core' || isTest(file)) return '';
  if (file.startsWith('src/core/') && !/^\.\/[\w-]+\.ts$/.test(specifier))
    return 'src/core knows only its own folder';
  if (file.startsWith('src/adapter/') && !/^(\.|\.\.\/core)\/[\w-]+\.ts$/.test(specifier))
    return 'src/adapter knows only itself and src/core';
  if (
    file.startsWith('src/memory/') &&
    !/^(\.|\.\.\/core|\.\.\/adapter)\/[\w-]+\.ts$/.test(specifier)
  )
    return 'src/memory knows only itself, src/core and src/adapter';
  return '';
};

/** What is wrong with a package, one sentence each with its place; empty when all is well. */
export const shapeProblems = (pkg: PackageFolder): readonly string[] => {
  const manifest = manifestOf(pkg);
  return [
    ...fieldProblems(pkg, manifest),
    ...exportProblems(pkg, manifest),
    ...dependencyProblems(pkg, manifest),
    ...fileProblems(pkg),
    ...importProblems(pkg),
  ];
};
