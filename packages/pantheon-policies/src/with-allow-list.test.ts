import type { IMessageBus } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import { codeOf, expectCode } from '../test/fakes.ts';
import { withAllowList } from './index.ts';

test('a tool that is not named is neither listed nor run', async () => {
  const tools = makeMemoryTools();
  const ran: string[] = [];
  const port = withAllowList(tools, { tools: ['read', 'web__*'] });
  for (const name of ['read', 'write', 'web__fetch', 'web_', 'web__']) {
    port.register({ name, invoke: () => ran.push(name) });
  }
  expect(port.list().map(({ name }) => name)).toEqual(['read', 'web__fetch', 'web__']);
  await port.invoke('read', {});
  await port.invoke('web__fetch', {});
  const error = await expectCode(port.invoke('write', {}), 'permission-denied');
  expect(error.message).toContain('"write"');
  await expectCode(port.invoke('web_', {}), 'permission-denied');
  await expectCode(port.invoke('missing', {}), 'tool-unknown');
  await expectCode(port.invoke('__proto__', {}), 'tool-unknown');
  expect(ran).toEqual(['read', 'web__fetch']);
});

test('of a port without a list everything that is not named is denied', async () => {
  const { list: _, ...blind } = makeMemoryTools();
  await expectCode(withAllowList(blind, { tools: [] }).invoke('any', {}), 'permission-denied');
});

test('the list cannot be widened afterwards', async () => {
  const tools = makeMemoryTools();
  tools.register({ name: 'write', invoke: () => 'written' });
  const names = ['read'];
  const port = withAllowList(tools, { tools: names });
  names.push('write');
  await expectCode(port.invoke('write', {}), 'permission-denied');
});

test('a message to a recipient or from a sender that is not named is not sent', async () => {
  const bus = makeMemoryBus();
  const sent: string[] = [];
  const counting: IMessageBus = {
    ...bus,
    send: (message) => {
      sent.push(`${message?.from} ${message?.to}`);
      return bus.send(message);
    },
  };
  const port = withAllowList(counting, { to: ['team-*', 'user'], from: ['clerk'] });
  const send = (from: string, to: string): Promise<unknown> =>
    port.send({ from, to, content: 'hi' });
  await send('clerk', 'team-a');
  await send('clerk', 'user');
  await expectCode(send('clerk', 'boss'), 'permission-denied');
  await expectCode(send('clerk', '*'), 'permission-denied');
  await expectCode(send('boss', 'user'), 'permission-denied');
  await expectCode(port.send(null as never), 'message-invalid');
  expect(sent).toEqual(['clerk team-a', 'clerk user', 'undefined undefined']);
  await withAllowList(counting, {}).send({ from: 'anyone', to: '*', content: 'hi' });
  await port.close?.();
});

test('a context is compiled and explained from the named sources only', async () => {
  const context = makeMemoryContext({ documents: { notes: ['a'], secrets: ['b'] } });
  const port = withAllowList(context, { sources: ['notes'] });
  const notes = { id: 'notes', label: 'Notes' };
  const secrets = { id: 'secrets', label: 'Secrets' };
  expect(await port.compile({ sources: [notes] })).toHaveLength(1);
  await expectCode(port.compile({ sources: [notes, secrets] }), 'permission-denied');
  await expectCode(port.explain({ sources: [secrets] }), 'permission-denied');
  await port.record('a', [{ role: 'user', content: 'kept' }]);
});

test('options that cannot be are refused', () => {
  const refused = [
    () => withAllowList(makeMemoryTools(), {} as never),
    () => withAllowList(makeMemoryTools(), null as never),
    () => withAllowList(makeMemoryTools(), { tools: 'read' } as never),
    () => withAllowList(makeMemoryTools(), { tools: [''] }),
    () => withAllowList(makeMemoryContext(), { tools: [] } as never),
    () => withAllowList(makeMemoryBus(), { to: [1] } as never),
  ];
  expect(refused.map(codeOf)).toEqual(refused.map(() => 'option-invalid'));
});
