import { expect, test } from 'vitest';
import { tarballProblems } from './tarball.ts';

const manifest = {
  name: 'a',
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
};

/** The problems of a package that is right, but for these files. */
const problems = (files: Record<string, string | undefined>): readonly string[] => {
  const all = {
    'package.json': JSON.stringify(manifest),
    'README.md': '# A',
    LICENSE: 'text',
    'src/index.ts': 'export {};',
    'dist/index.js': 'export {};',
    'dist/index.d.ts': 'export {};',
    'dist/index.d.ts.map': '{}',
    'dist/bundle/shared-3F.js': 'export {};',
    ...files,
  };
  const present = Object.entries(all).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return tarballProblems(new Map(present), '/home/ada/pantheon/');
};

test('a package as it should be has no problem', () => {
  expect(problems({})).toEqual([]);
});

test('documents, and templates with their tests, may be published', () => {
  const files = {
    'docs/errors.md': 'See [the types](../src/index.ts), [below](#below) and https://example.org.',
    'templates/app/test/a.test.ts': '',
    'templates/app/_gitignore': '',
  };
  expect(problems(files)).toEqual([]);
});

test.each<[string, Record<string, string | undefined>, RegExp]>([
  ['a test among the documents', { 'docs/a.test.ts': '' }, /docs\/a\.test\.ts must not be/],
  [
    'a link out of the package',
    { 'docs/a.md': '[b](../../b/README.md)' },
    /docs\/a\.md links to \.\.\/\.\.\/b\/README\.md, which is not packed/,
  ],
  ['a test', { 'src/a.test.ts': '' }, /a\.test\.ts must not be published/],
  ['a type test', { 'src/a.test-d.ts': '' }, /test-d\.ts must not be published/],
  ['a build record', { 'dist/.tsbuildinfo': '' }, /tsbuildinfo must not be published/],
  ['an environment file', { '.env': '' }, /\.env must not be published/],
  ['output of a source that is gone', { 'dist/old.js': '' }, /dist\/old\.js has no source/],
  ['a path of the machine', { 'dist/index.js': '// /home/ada/pantheon/x' }, /names a path/],
  ['a key', { 'src/index.ts': `'sk-proj-${'a1'.repeat(20)}'` }, /contains an API key/],
  ['no README', { 'README.md': undefined }, /README\.md is missing/],
  ['no LICENSE', { LICENSE: undefined }, /LICENSE is missing/],
  [
    'an entry that is not there',
    { 'dist/index.js': undefined },
    /\.\/dist\/index\.js, which is not/,
  ],
  [
    'a protocol of the workspace',
    { 'package.json': '{"dependencies":{"a":"workspace:^"}}' },
    /still says "workspace:\^"/,
  ],
  [
    'an install script',
    { 'package.json': '{"scripts":{"postinstall":"node a.js"}}' },
    /script "postinstall"/,
  ],
])('%s is found', (_what, files, problem) => {
  expect(problems(files)).toContainEqual(expect.stringMatching(problem));
});
