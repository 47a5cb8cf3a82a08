import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageNames, readPackage, root } from './package-folder.ts';
import { CONTRACT, packageName, type PackageFolder, shapeProblems } from './package-shape.ts';

describe('every package has the shape', () => {
  test.each(packageNames())('%s', (name) => {
    expect(shapeProblems(readPackage(name))).toEqual([]);
  });
});

test('tsconfig.json builds every package', () => {
  const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    readonly references: readonly { readonly path: string }[];
  };
  const built = references.map(({ path }) => path).toSorted();
  expect(built).toEqual(packageNames().map((name) => `packages/${name}`));
});

test('adapters declare the contract that the testkit proves', () => {
  const suite = readFileSync(join(root, 'packages/pantheon-testkit/src/suite.ts'), 'utf8');
  expect(/^export const contractVersion = (\d+);$/m.exec(suite)?.[1]).toBe(String(CONTRACT));
});

test('create-pantheon knows the version of every other package', () => {
  const { peerDependencies } = JSON.parse(
    readFileSync(join(root, 'packages/create-pantheon/package.json'), 'utf8'),
  ) as { readonly peerDependencies: Readonly<Record<string, string>> };
  const others = packageNames().filter((name) => name !== 'create-pantheon');
  expect(Object.keys(peerDependencies).toSorted()).toEqual(others.map(packageName).toSorted());
});

const manifest = {
  name: '@promethean/adapter-made-bus',
  description: 'A bus for this test.',
  keywords: ['pantheon', 'pantheon-adapter', 'pantheon-adapter-bus'],
  license: 'Apache-2.0',
  repository: {
    type: 'git',
    url: 'git+https://example.org/x.git',
    directory: 'packages/adapter-made-bus',
  },
  files: ['dist', 'src', '!**/*.test.ts', '!**/*.test-d.ts', '!**/.tsbuildinfo'],
  type: 'module',
  sideEffects: false,
  exports: {
    '.': {
      '@promethean/source': './src/index.ts',
      types: './dist/index.d.ts',
      default: './dist/index.js',
    },
    './package.json': './package.json',
  },
  publishConfig: { access: 'public', provenance: true },
  devDependencies: { '@promethean/pantheon-core': 'workspace:*' },
  peerDependencies: { '@promethean/pantheon-core': 'workspace:^0' },
  engines: { node: '>=22.13' },
  pantheon: { port: 'bus', contract: 1 },
};

const README = `# Made
\`\`\`sh
npm install @promethean/adapter-made-bus
\`\`\`
\`\`\`ts
\`\`\`
| option | default |
## Guarantees
## Errors
`;

/** An adapter that is right, but for what is given here; a file that is `undefined` is missing. */
const adapter = (
  fields: Record<string, unknown> = {},
  files: Record<string, string | undefined> = {},
): PackageFolder => {
  const all = {
    'package.json': JSON.stringify({ ...manifest, ...fields }),
    'README.md': README,
    LICENSE: 'text',
    'tsconfig.json': '{}',
    'src/index.ts': "export { makeMadeBus, type MadeBusOptions } from './made-bus.ts';\n",
    'src/made-bus.ts': "import { PantheonError } from '@promethean/pantheon-core';\n",
    'src/made-bus.test.ts': '',
    'src/made-bus.test-d.ts': '',
    'src/made-bus.contract.test.ts': '',
    ...files,
  };
  const present = Object.entries(all).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { folder: 'adapter-made-bus', files: new Map(present) };
};

/** The core with one file of its own. */
const core = (fields: Record<string, unknown>, file: string, text: string): PackageFolder => {
  const right = adapter(
    {
      name: '@promethean/pantheon-core',
      repository: { directory: 'packages/pantheon-core' },
      files: [
        'dist/**/*.d.ts',
        'dist/**/*.d.ts.map',
        'dist/bundle',
        'docs',
        'src',
        '!**/*.test.ts',
        '!**/*.test-d.ts',
      ],
      publishConfig: {
        exports: {
          ...manifest.exports,
          '.': { ...manifest.exports['.'], default: './dist/bundle/index.js' },
        },
        ...manifest.publishConfig,
      },
      devDependencies: undefined,
      peerDependencies: undefined,
      pantheon: undefined,
      ...fields,
    },
    { [file]: text },
  );
  return { ...right, folder: 'pantheon-core' };
};

/** The umbrella with these fields. */
const umbrella = (fields: Record<string, unknown> = {}): PackageFolder => {
  const right = adapter({
    name: '@promethean/pantheon',
    repository: { directory: 'packages/pantheon' },
    dependencies: {
      '@promethean/adapter-sqlite-state': 'workspace:^',
      '@promethean/pantheon-core': 'workspace:^',
    },
    devDependencies: { '@promethean/adapter-redis-bus': 'workspace:*' },
    peerDependencies: undefined,
    pantheon: undefined,
    ...fields,
  });
  return { ...right, folder: 'pantheon' };
};

/** What `npm create pantheon` starts, with these fields and one file. */
const create = (
  fields: Record<string, unknown> = {},
  file = 'src/cli.ts',
  text = '',
): PackageFolder => {
  const right = adapter(
    {
      name: 'create-pantheon',
      repository: { directory: 'packages/create-pantheon' },
      files: [
        'dist',
        'src',
        'templates',
        '!src/**/*.test.ts',
        '!src/**/*.test-d.ts',
        '!dist/.tsbuildinfo',
      ],
      dependencies: { '@clack/prompts': 'catalog:' },
      devDependencies: undefined,
      peerDependencies: { '@promethean/pantheon-core': 'workspace:^' },
      peerDependenciesMeta: { '@promethean/pantheon-core': { optional: true } },
      pantheon: undefined,
      ...fields,
    },
    { 'templates/app/_package.json': '{}', 'src/made-bus.ts': undefined, [file]: text },
  );
  return { ...right, folder: 'create-pantheon' };
};

test('the made-up packages of these tests have the shape', () => {
  expect(shapeProblems(adapter())).toEqual([]);
  expect(shapeProblems(core({}, 'src/core/a.ts', "import { b } from './b.ts';"))).toEqual([]);
  expect(shapeProblems(umbrella())).toEqual([]);
  expect(shapeProblems(create())).toEqual([]);
});

const source = {
  '@promethean/source': './src/bus.ts',
  types: './dist/bus.d.ts',
  default: './dist/bus.js',
};
const own = { './package.json': './package.json' };

describe('each part of a README is missed', () => {
  test.each([
    ['npm install', /how to install it/],
    ['```ts', /an example/],
    ['| option', /a table of the options/],
    ['## Guarantees', /what it guarantees/],
    ['## Errors', /its errors/],
  ])('%s', (part, problem) => {
    const pkg = adapter({}, { 'README.md': README.replace(part, '-') });
    expect(shapeProblems(pkg)).toEqual([expect.stringMatching(problem)]);
  });
});

describe('each departure is found', () => {
  test.each<[string, PackageFolder, RegExp]>([
    [
      'a name that is not the folder',
      adapter({ name: 'bus' }),
      /name must be @promethean\/adapter-made-bus/,
    ],
    ['a private package', adapter({ private: true }), /is public/],
    ['no description', adapter({ description: '' }), /description is missing/],
    ['CommonJS', adapter({ type: 'commonjs' }), /type must be "module"/],
    ['side effects', adapter({ sideEffects: true }), /sideEffects must be false/],
    ['another license', adapter({ license: 'MIT' }), /license must be/],
    ['other engines', adapter({ engines: { node: '>=20' } }), /engines must be/],
    ['files that ship tests', adapter({ files: ['dist', 'src'] }), /files must be/],
    ['no provenance', adapter({ publishConfig: { access: 'public' } }), /publishConfig must be/],
    [
      'a core that is published unbundled',
      core({ publishConfig: manifest.publishConfig }, 'src/core/a.ts', ''),
      /publishConfig must be .*"default":"\.\/dist\/bundle\/index\.js"/,
    ],
    [
      'the folder of another package',
      adapter({ repository: { directory: 'packages/x' } }),
      /repository.directory/,
    ],
    [
      'an install script',
      adapter({ scripts: { postinstall: 'node x.js' } }),
      /scripts.postinstall/,
    ],
    ['a missing keyword', adapter({ keywords: ['pantheon'] }), /include pantheon-adapter-bus/],
    ['no declaration', adapter({ pantheon: undefined }), /pantheon must be/],
    [
      'the declaration of another port',
      adapter({ pantheon: { port: 'llm', contract: 1 } }),
      /pantheon must be \{"port":"bus","contract":1\}/,
    ],
    [
      'another contract',
      adapter({ pantheon: { port: 'bus', contract: 2 } }),
      /pantheon must be \{"port":"bus","contract":1\}/,
    ],
    [
      'a declaration of what is no adapter',
      umbrella({ pantheon: { port: 'bus', contract: 1 } }),
      /pantheon is for adapters/,
    ],
    [
      'docs that are not shipped',
      adapter({}, { 'docs/errors.md': '' }),
      /files must be \["dist","docs","src"/,
    ],
    [
      'templates that are not shipped',
      create({ files: manifest.files }),
      /files must be \["dist","src","templates"/,
    ],
    [
      'a scope that npm create does not look into',
      create({ name: '@promethean/create-pantheon' }),
      /name must be create-pantheon/,
    ],
    [
      'a create that installs the core',
      create({ dependencies: manifest.peerDependencies }),
      /dependencies must not have @promethean\/pantheon-core/,
    ],
    [
      'a create that makes npm install its peers',
      create({ peerDependenciesMeta: {} }),
      /@promethean\/pantheon-core as optional/,
    ],
    [
      'a create that imports the core',
      create({}, 'src/cli.ts', "import '@promethean/pantheon-core';"),
      /before anything of ours is installed/,
    ],
    [
      'an umbrella without the core',
      umbrella({ dependencies: {} }),
      /dependencies must have @promethean\/pantheon-core as workspace:\^/,
    ],
    [
      'an umbrella that needs a server',
      umbrella({
        dependencies: {
          ...manifest.peerDependencies,
          '@promethean/adapter-redis-bus': 'workspace:^',
        },
      }),
      /must not have @promethean\/adapter-redis-bus; the umbrella embeds what needs no server/,
    ],
    [
      'an umbrella that pins the core',
      umbrella({ dependencies: manifest.devDependencies }),
      /pantheon-core as workspace:\^/,
    ],
    [
      'an umbrella that makes npm install its peers',
      umbrella({ peerDependencies: { '@promethean/adapter-redis-journal': 'workspace:^0' } }),
      /must have @promethean\/adapter-redis-journal as optional/,
    ],
    [
      'an umbrella that breaks with its peers',
      umbrella({
        peerDependencies: { '@promethean/adapter-redis-journal': 'workspace:^' },
        peerDependenciesMeta: { '@promethean/adapter-redis-journal': { optional: true } },
      }),
      /must have @promethean\/adapter-redis-journal as workspace:\^0/,
    ],
    ['no exports', adapter({ exports: own }), /exports\["\."\] is missing/],
    [
      'conditions in another order',
      adapter({ exports: { ...own, '.': { ...source, types: 'x' } } }),
      /exports\["\."\] must be/,
    ],
    [
      'an entry that does not exist',
      adapter({ exports: { ...own, '.': source } }),
      /which does not exist/,
    ],
    [
      'a hidden manifest',
      adapter({ exports: { '.': manifest.exports['.'] } }),
      /exports\["\.\/package.json"\]/,
    ],
    [
      'the core as a dependency',
      adapter({ dependencies: manifest.devDependencies }),
      /dependencies must not have @promethean\/pantheon-core/,
    ],
    ['the core not as a peer', adapter({ peerDependencies: {} }), /peerDependencies must have/],
    [
      'another adapter as a dependency',
      adapter({ dependencies: { '@promethean/adapter-x-llm': '1' } }),
      /must not have @promethean\/adapter-x-llm/,
    ],
    ['no README', adapter({}, { 'README.md': undefined }), /README.md is missing/],
    ['no LICENSE', adapter({}, { LICENSE: undefined }), /LICENSE is missing/],
    [
      'a factory elsewhere',
      adapter({}, { 'src/made-bus.ts': undefined }),
      /src\/made-bus.ts is missing/,
    ],
    [
      'no contract test',
      adapter({}, { 'src/made-bus.contract.test.ts': undefined }),
      /contract.test.ts is missing/,
    ],
    ['no type test', adapter({}, { 'src/made-bus.test-d.ts': undefined }), /test-d.ts is missing/],
    [
      'a long index',
      adapter({}, { 'src/index.ts': "export { a } from './a.ts';\n".repeat(9) }),
      /9 export statements/,
    ],
    [
      'logic in the index',
      adapter({}, { 'src/index.ts': 'export const a = 1;' }),
      /named re-exports only/,
    ],
    [
      'a star in the index',
      adapter({}, { 'src/index.ts': "export * from './made-bus.ts';" }),
      /named re-exports only/,
    ],
    ['a folder that says nothing', adapter({}, { 'src/utils/text.ts': '' }), /a folder "utils"/],
    [
      'an import of another adapter',
      adapter({}, { 'src/a.ts': "import { a } from '@promethean/adapter-x-llm';" }),
      /neither another adapter/,
    ],
    [
      'a re-export of another adapter',
      adapter({}, { 'src/a.ts': "export {\n  a,\n} from '@promethean/adapter-x-llm';" }),
      /neither another adapter/,
    ],
    [
      'a late import of the umbrella',
      adapter({}, { 'src/a.ts': "await import('@promethean/pantheon');" }),
      /neither another adapter/,
    ],
    [
      'a deep import',
      adapter({}, { 'src/a.ts': "import '@promethean/pantheon-core/src/core/tick.ts';" }),
      /what a package exports/,
    ],
    [
      'a core with dependencies',
      core({ dependencies: {} }, 'src/core/a.ts', ''),
      /the core has no dependencies/,
    ],
    [
      'a core that imports from memory',
      core({}, 'src/core/a.ts', "import { b } from '../memory/b.ts';"),
      /only its own folder/,
    ],
    [
      'a core that imports node',
      core({}, 'src/core/a.ts', "import 'node:fs';"),
      /only its own folder/,
    ],
    [
      'a core that imports a package',
      core({}, 'src/core/a.ts', "import type { z } from 'zod';"),
      /only its own folder/,
    ],
    [
      'a memory that imports a package',
      core({}, 'src/memory/a.ts', "import { z } from 'zod';"),
      /src\/memory knows only itself, src\/core and src\/adapter/,
    ],
    [
      'what adapters share that imports a package',
      core({}, 'src/adapter/a.ts', "import { z } from 'zod';"),
      /src\/adapter knows only itself and src\/core/,
    ],
  ])('%s', (_departure, pkg, problem) => {
    expect(shapeProblems(pkg)).toContainEqual(expect.stringMatching(problem));
  });
});
