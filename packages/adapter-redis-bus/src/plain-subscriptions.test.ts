/** What the server tells when it is asked is of the moment when it was asked; the reader goes on meanwhile. */
import type { BusMessage } from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import { readOptions } from './options.ts';
import { type Entry, makePlainSubscriptions } from './plain-subscriptions.ts';
import { encodeMessage } from './wire.ts';

const entry = (n: number): Entry => {
  const message: BusMessage = {
    id: `m${n}`,
    from: 'ada',
    to: 'bob',
    content: `${n}`,
    sentAt: 0,
    hops: 0,
  };
  return [`${n}-0`, ['n', `${n}`, 'm', encodeMessage(message)]];
};

const make = () => {
  const failures: string[] = [];
  const seen: string[] = [];
  const settings = readOptions({
    url: 'redis://127.0.0.1:1',
    onError: ({ error }) => failures.push((error as Error).message),
  });
  const plain = makePlainSubscriptions(settings, { push: (run) => run(), length: () => 0 });
  const subscription = plain.add(({ content }) => seen.push(content), undefined);
  subscription.confirm({ id: '0-0', number: 0 });
  return { plain, seen, failures };
};
const joined = { kept: new Set<string>(), wasLost: false };

test('what was read while the answer was on its way is not read again', () => {
  const { plain, seen, failures } = make();
  plain.take([entry(1), entry(2)]);
  const progress = plain.progress();
  // The server answers with its end at that moment; before the answer is there, the reader has read on.
  plain.take([entry(3), entry(4)]);
  plain.onJoined({ ...joined, progress, tail: { id: '3-0', number: 3 } });
  expect(plain.position()).toBe('4-0');
  expect(failures).toEqual([]);
  plain.take([entry(5)]);
  expect(seen).toEqual(['1', '2', '3', '4', '5']);
});

test('what Redis has forgotten is told, and reading goes on with what it has', () => {
  const { plain, seen, failures } = make();
  plain.take([entry(1), entry(2), entry(3)]);
  plain.onJoined({ ...joined, progress: plain.progress(), tail: { id: '1-0', number: 1 } });
  expect(plain.position()).toBe('1-0');
  expect(failures).toHaveLength(1);
  plain.take([entry(2)]);
  expect(seen).toEqual(['1', '2', '3', '2']);
  expect(failures).toHaveLength(1);
});

test('what was read of the new data while the answer was on its way stays read', () => {
  const { plain, seen, failures } = make();
  plain.take([entry(7), entry(8)]);
  const progress = plain.progress();
  const [, fields] = entry(1);
  plain.take([['9-0', fields]]);
  plain.onJoined({ ...joined, wasLost: true, progress, tail: { id: '0-0', number: 0 } });
  expect(plain.position()).toBe('9-0');
  expect(seen).toEqual(['7', '8', '1']);
  // The gap before the first, and the loss.
  expect(failures).toHaveLength(2);
});
