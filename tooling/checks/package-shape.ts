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
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const SCOPE = '@promethean/';
const CORE = `${SCOPE}pantheon-core`;
/** Published with one file for each entry instead of one for each module: docs/decisions/0013. */
const BUNDLED = 'pantheon-core';
/** `npm create pantheon` asks for this name, which has no scope. */
const CREATE = 'create-pantheon';
/** The version of the ports' contract: `contractVersion` of the testkit. */
export const CONTRACT = 1;
/** What the umbrella brings along: adapters that need no server. */
const EMBEDDED: readonly string[] = [
  'adapter-cron-scheduler',
  'adapter-function-tools',
  'adapter-offline-llm',
  'adapter-openai-llm',
  'adapter-pino-log',
  'adapter-sqlite-context',
  'adapter-sqlite-journal',
  'adapter-sqlite-state',
].map((folder) => SCOPE + folder);
/** What every manifest says word for word. */
const FIELDS: Readonly<Record<string, unknown>> = {
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
};
const PUBLISHED = { access: 'public', provenance: true };
/** Wide, so that a release of the core asks nothing of adapters: docs/decisions/0008. */
const ADAPTERS_CORE = /^workspace:(\^0|>=0\.\d+\.\d+ <1)$/;
/** From 22.13 `node:sqlite` needs no flag; from 22.16 it has FTS5. */
const ENGINES = { node: '>=22.13' };
const FTS5_ENGINES = { node: '>=22.16' };
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
const SUITES = ['bus', 'context', 'journal', 'lease', 'llm', 'scheduler', 'state', 'tools'];
/** `import … from`, `export … from`, `import '…'` and `import('…')`. */
const IMPORTS =
  /^(?:import|export)\b[^'"`;]*\bfrom ['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]/gm;
const VAGUE_FOLDERS = ['common', 'helpers', 'lib', 'shared', 'utils'];

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const isTest = (file: string): boolean => /\.test(-d)?\.ts$/.test(file);
/** What the adapters on one technology, or of one port, have in common, by their names. */
const SHARED: readonly (readonly [adapters: RegExp, owned: string])[] = [
  [/^adapter-.+-llm$/, `${SCOPE}llm-calls`],
  [/^adapter-postgres-/, `${SCOPE}postgres-schema`],
  [/^adapter-redis-/, `${SCOPE}redis-client`],
  [/^adapter-sqlite-/, `${SCOPE}sqlite-file`],
];
const isSharedWith = (pkg: PackageFolder, name: string): boolean =>
  SHARED.some(([adapters, owned]) => adapters.test(pkg.folder) && name === owned);
const isAdapter = (pkg: PackageFolder): boolean => pkg.folder.startsWith('adapter-');
const portOf = (pkg: PackageFolder): string => pkg.folder.split('-').at(-1) ?? '';
/** The name in the registry of the package in a folder of `packages/`. */
export const packageName = (folder: string): string =>
  folder === CREATE ? folder : SCOPE + folder;
const conceptOf = (pkg: PackageFolder): string => pkg.folder.replace('adapter-', '');

const manifestOf = (pkg: PackageFolder): Manifest =>
  JSON.parse(pkg.files.get('package.json') ?? '{}') as Manifest;

/** The sources lie beside the build, so that debuggers find them; tests stay at home. */
const shippedBy = (pkg: PackageFolder): readonly string[] => {
  if (pkg.folder === BUNDLED)
    return [
      'dist/**/*.d.ts',
      'dist/**/*.d.ts.map',
      'dist/bundle',
      'docs',
      'src',
      '!**/*.test.ts',
      '!**/*.test-d.ts',
    ];
  const has = (folder: string): boolean =>
    [...pkg.files.keys()].some((file) => file.startsWith(`${folder}/`));
  const docs = has('docs') ? ['docs'] : [];
  // What a template makes has tests, and they are shipped.
  return has('templates')
    ? [
        'dist',
        ...docs,
        'src',
        'templates',
        '!src/**/*.test.ts',
        '!src/**/*.test-d.ts',
        '!dist/.tsbuildinfo',
      ]
    : ['dist', ...docs, 'src', '!**/*.test.ts', '!**/*.test-d.ts', '!**/.tsbuildinfo'];
};

/** What a package says about its publication; in a registry the bundled one has other files behind its entries than here. */
const publishedBy = (pkg: PackageFolder, manifest: Manifest): unknown => {
  if (pkg.folder !== BUNDLED) return PUBLISHED;
  const bundled = (path: string, target: unknown): unknown =>
    path === './package.json'
      ? target
      : { ...(target as object), default: `./dist/bundle/${path.slice(2) || 'index'}.js` };
  const entries = Object.entries(manifest.exports ?? {});
  const exports = Object.fromEntries(entries.map(([path, to]) => [path, bundled(path, to)]));
  return { exports, ...PUBLISHED };
};

/** What tells the testkit, and whoever looks for an adapter, which port it is for. */
function* declarationProblems(pkg: PackageFolder, manifest: Manifest): Iterable<string> {
  const declared = manifest['pantheon'];
  const wanted = { port: portOf(pkg), contract: CONTRACT };
  if (isAdapter(pkg) && !same(declared, wanted))
    yield `package.json: pantheon must be ${JSON.stringify(wanted)}`;
  if (!isAdapter(pkg) && declared !== undefined)
    yield 'package.json: pantheon is for adapters; remove it';
}

function* fieldProblems(pkg: PackageFolder, manifest: Manifest): Iterable<string> {
  const name = packageName(pkg.folder);
  if (manifest['name'] !== name) yield `package.json: name must be ${name}`;
  if (manifest['private'] !== undefined)
    yield 'package.json: a package is public; remove "private"';
  if (!manifest['description']) yield 'package.json: description is missing';
  for (const [field, value] of Object.entries(FIELDS)) {
    if (!same(manifest[field], value))
      yield `package.json: ${field} must be ${JSON.stringify(value)}`;
  }
  const publishConfig = publishedBy(pkg, manifest);
  if (!same(manifest['publishConfig'], publishConfig))
    yield `package.json: publishConfig must be ${JSON.stringify(publishConfig)}`;
  const engines = pkg.folder === 'adapter-sqlite-context' ? FTS5_ENGINES : ENGINES;
  if (!same(manifest['engines'], engines))
    yield `package.json: engines must be ${JSON.stringify(engines)}`;
  const files = shippedBy(pkg);
  if (!same(manifest['files'], files)) yield `package.json: files must be ${JSON.stringify(files)}`;
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
  if (pkg.folder === 'pantheon') yield* umbrellaProblems(manifest);
  if (pkg.folder === CREATE) yield* createProblems(manifest);
  if (pkg.folder !== 'pantheon-testkit' && !isAdapter(pkg)) return;
  const range = manifest.peerDependencies?.[CORE] ?? '';
  if (pkg.folder === 'pantheon-testkit') {
    if (range !== 'workspace:^')
      yield `package.json: peerDependencies must have ${CORE} as workspace:^`;
  } else if (!ADAPTERS_CORE.test(range))
    yield `package.json: peerDependencies must have ${CORE} as workspace:^0, or workspace:>=0.x.y <1 where it needs what x.y brought`;
  if (manifest.devDependencies?.[CORE] !== 'workspace:*')
    yield `package.json: devDependencies must have ${CORE} as workspace:*`;
  for (const kind of kinds) {
    for (const name of Object.keys(manifest[kind] ?? {})) {
      if (kind === 'dependencies' && isSharedWith(pkg, name)) continue;
      const own = name.startsWith(SCOPE) && !(name === CORE && kind === 'peerDependencies');
      if (own) yield `package.json: ${kind} must not have ${name}`;
    }
  }
}

/** The umbrella is what one installs alone: it brings the core and the embedded adapters itself. */
function* umbrellaProblems(manifest: Manifest): Iterable<string> {
  const brought = Object.entries(manifest.dependencies ?? {}).filter(([name]) =>
    name.startsWith(SCOPE),
  );
  if (!brought.some(([name]) => name === CORE))
    yield `package.json: dependencies must have ${CORE} as workspace:^`;
  for (const [name, range] of brought) {
    if (name !== CORE && !EMBEDDED.includes(name))
      yield `package.json: dependencies must not have ${name}; the umbrella embeds what needs no server`;
    if (range !== 'workspace:^')
      yield `package.json: dependencies must have ${name} as workspace:^`;
  }
  for (const [name, range] of Object.entries(manifest.peerDependencies ?? {})) {
    if (manifest.peerDependenciesMeta?.[name]?.optional !== true)
      yield `package.json: peerDependenciesMeta must have ${name} as optional; the umbrella needs no server`;
    if (range !== 'workspace:^0')
      yield `package.json: peerDependencies must have ${name} as workspace:^0, or its releases break the umbrella's`;
  }
}

/** It starts before anything of ours is installed, and only needs to know versions. */
function* createProblems(manifest: Manifest): Iterable<string> {
  for (const name of Object.keys(manifest.dependencies ?? {}))
    if (name.startsWith(SCOPE))
      yield `package.json: dependencies must not have ${name}; name its version in peerDependencies`;
  for (const [name, range] of Object.entries(manifest.peerDependencies ?? {})) {
    if (range !== 'workspace:^')
      yield `package.json: peerDependencies must have ${name} as workspace:^`;
    if (manifest.peerDependenciesMeta?.[name]?.optional !== true)
      yield `package.json: peerDependenciesMeta must have ${name} as optional, or npm installs it`;
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
  if (pkg.folder === CREATE && file.startsWith('src/') && specifier.startsWith(SCOPE))
    return 'it starts before anything of ours is installed';
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
    ...declarationProblems(pkg, manifest),
    ...exportProblems(pkg, manifest),
    ...dependencyProblems(pkg, manifest),
    ...fileProblems(pkg),
    ...importProblems(pkg),
  ];
};
