/** What a log promises. There is no contract suite for logs, so these are yours to extend. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTechLog } from './tech-log.ts';

const unreadable = {
  get secret(): string {
    throw new Error('It cannot be read.');
  },
};
const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

test('a record is one line with its message and its details', () => {
  const lines: string[] = [];
  makeTechLog({ write: (line) => lines.push(line) })('Ticking actor: ada', { hasInput: true });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^[^\n]*Ticking actor: ada[^\n]*hasInput[^\n]*$/);
});

test('nothing that it is handed makes it throw', () => {
  const log = makeTechLog({ write: () => undefined });
  for (const meta of [undefined, null, 1n, Symbol('s'), cyclic, unreadable, new Error('no')])
    log('A record', meta);
});

test('a destination that throws is nobody else’s matter', () => {
  const log = makeTechLog({
    write: () => {
      throw new Error('The disk is full.');
    },
  });
  log('A record');
});
