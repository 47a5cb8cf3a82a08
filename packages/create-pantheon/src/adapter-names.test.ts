import { expect, test } from 'vitest';
import { adapterNames } from './adapter-names.ts';

test.each([
  ['file-bus', 'bus', 'pantheon-adapter-file-bus', 'file-bus', 'File'],
  ['file', 'bus', 'pantheon-adapter-file-bus', 'file-bus', 'File'],
  ['pantheon-adapter-file-bus', 'bus', 'pantheon-adapter-file-bus', 'file-bus', 'File'],
  ['@acme/file-bus', 'bus', '@acme/pantheon-adapter-file-bus', 'file-bus', 'File'],
  ['dynamo-db-state', 'state', 'pantheon-adapter-dynamo-db-state', 'dynamo-db-state', 'DynamoDb'],
  ['omnibus', 'bus', 'pantheon-adapter-omnibus-bus', 'omnibus-bus', 'Omnibus'],
  ['bus-tools', 'tools', 'pantheon-adapter-bus-tools', 'bus-tools', 'Bus'],
])('%s for the port %s is %s', (typed, port, name, file, Tech) => {
  expect(adapterNames(typed, port)).toMatchObject({ name, port, file, Tech });
});

test.each([
  ['bus', 'bus'],
  ['pantheon-adapter-bus', 'bus'],
  ['File-bus', 'bus'],
  ['7up-bus', 'bus'],
  ['file_bus', 'bus'],
  ['', 'bus'],
  ['../file-bus', 'bus'],
])('"%s" names no technology, and the advice shows one that does', (typed, port) => {
  expect(() => adapterNames(typed, port)).toThrow(
    expect.objectContaining({
      message: `"${typed}" does not name a technology.`,
      advice: expect.stringContaining('such as redis-bus') as string,
    }),
  );
});

test.each(['buss', '', 'import', '__proto__'])(
  '"%s" is no port, and the advice lists them',
  (port) => {
    expect(() => adapterNames('file-bus', port)).toThrow(
      expect.objectContaining({
        message: `There is no port "${port}".`,
        advice: expect.stringContaining('bus, context, journal, lease, llm') as string,
      }),
    );
  },
);
