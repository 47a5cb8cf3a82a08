import { expect, test } from 'vitest';
import { packageNameOf } from './package-name.ts';

test.each([
  ['my-app', 'my-app'],
  ['/tmp/a folder/my.app2/', 'my.app2'],
  ['deep/er/app', 'app'],
  ['@acme/app', '@acme/app'],
])('the package in %s is %s', (folder, name) => {
  expect(packageNameOf(folder)).toBe(name);
});

test.each([
  ['My-App', 'has capital letters'],
  ['my app', 'has a space in it'],
  ['.app', 'begins with "."'],
  ['_app', 'begins with "_"'],
  ['app!', 'has "!" in it'],
  ['@acme/b@d', 'has "@" in it'],
  ['äpp', 'has "ä" in it'],
  ['node_modules', 'is reserved'],
  ['events', 'is the name of a module of Node'],
  ['a'.repeat(215), 'is longer than 214 characters'],
  ['/', 'is empty'],
])('%s is refused: it %s', (folder, problem) => {
  expect(() => packageNameOf(folder)).toThrow(`cannot be the name of a package: it ${problem}.`);
});
