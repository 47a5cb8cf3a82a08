import { startProxy } from '@promethean/services';
import { describeWithRedis } from '@promethean/services/vitest';
import { type BusMessage, PantheonError } from '@promethean/pantheon-core';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { connect, freshNamespace, keysOf, removeAll, until } from '../test/inspect.ts';
import { byRecipient, contents, inScene, letter, range } from '../test/scene.ts';
import { handle } from '../test/worker.ts';
import { makeRedisBus } from './index.ts';
import { prefixOf } from './keys.ts';

const code = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (PantheonError.is(error) ? error.code : String(error)),
  );

describe('options', () => {
  test.each([
    ['no address', {}],
    ['two addresses', { url: 'redis://127.0.0.1', redis: {} }],
    ['a url of another kind', { url: 'http://127.0.0.1' }],
    ['a cluster without nodes', { cluster: { nodes: [] } }],
    ['a client of another kind', { client: {} as never }],
    ['an empty namespace', { url: 'redis://127.0.0.1', namespace: '' }],
    ['a capacity of 0', { url: 'redis://127.0.0.1', capacity: 0 }],
    ['a lease of 1 ms', { url: 'redis://127.0.0.1', leaseMs: 1 }],
    ['a poll for ever', { url: 'redis://127.0.0.1', pollMs: Number.POSITIVE_INFINITY }],
    ['NaN', { url: 'redis://127.0.0.1', retryDelayMs: Number.NaN }],
  ])('%s is refused at once', (_, options) => {
    expect(() => makeRedisBus(options)).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    );
  });

  test('a bus that was never used holds nothing and closes', async () => {
    const bus = makeRedisBus({ url: 'redis://127.0.0.1:1' });
    await bus.close();
    expect(await code(bus.send(letter('late')))).toBe('closed');
    expect(await code(bus.ready())).toBe('closed');
    expect(await code(bus.deadLetters.list())).toBe('closed');
  });

  test('where nobody answers, ready and send reject with unavailable, and say why', async () => {
    const bus = makeRedisBus({
      url: 'redis://127.0.0.1:1',
      sendTimeoutMs: 300,
      closeTimeoutMs: 100,
    });
    const [ready, send, list] = await Promise.allSettled([
      bus.ready(),
      bus.send(letter('x')),
      bus.deadLetters.list(),
    ]);
    for (const outcome of [ready, send, list]) {
      const { reason } = outcome as PromiseRejectedResult;
      expect(PantheonError.is(reason, 'unavailable') && reason.retryable).toBe(true);
      expect(reason.message).toMatch(/ECONNREFUSED/);
    }
    await bus.close();
  });
});

describeWithRedis('redis bus', (redis) => {
  const url = (): string => redis().url;

  test('two buses and two processes handle each message of a group once, in order, one at a time for a recipient', async () =>
    inScene(url(), async ({ namespace, client, log, bus, member }) => {
      const [first, second] = [bus(), bus()];
      first.subscribe((message) => handle(client, { url: url(), namespace, name: 'a' }, message), {
        group: 'workers',
      });
      second.subscribe((message) => handle(client, { url: url(), namespace, name: 'b' }, message), {
        group: 'workers',
      });
      await Promise.all([
        member({ name: 'c' }),
        member({ name: 'd' }),
        first.ready(),
        second.ready(),
      ]);
      const sender = bus();
      for (const part of range(20)) {
        await Promise.all(
          range(40).map((n) =>
            sender.send(letter(`${part * 4 + Math.floor(n / 10)}`, `r${n % 10}`)),
          ),
        );
      }
      await until(async () => (await log.done()).length === 800, 'the handling of 800 messages');
      const begun = await log.begun();
      expect(begun.length).toBe(800);
      expect(await log.overlaps()).toEqual([]);
      for (const list of byRecipient(begun).values()) expect(list).toEqual(range(80).map(String));
      expect(new Set(begun.map(({ name }) => name)).size).toBeGreaterThan(1);
    }));

  test('another member takes over when a process is killed, in order, from the message that was open', async () =>
    inScene(
      url(),
      async ({ namespace, client, log, bus, member }) => {
        const victim = await member({ name: 'victim', hangs: ['2'], options: { leaseMs: 600 } });
        const sender = bus();
        for (const n of range(6)) await sender.send(letter(`${n}`));
        await until(
          async () => (await log.begun()).some(({ content }) => content === '2'),
          'the third message',
        );
        await victim.kill();
        await client.hdel(`log-{${namespace}}:busy`, 'bob');
        const heir = bus();
        heir.subscribe(
          (message) => handle(client, { url: url(), namespace, name: 'heir' }, message),
          { group: 'workers' },
        );
        await until(
          async () => (await log.done()).some(({ content }) => content === '5'),
          'the last message',
        );
        const mine = (await log.begun())
          .filter(({ name }) => name === 'heir')
          .map(({ content }) => content);
        // What the victim had handled and not yet acknowledged comes again; nothing is left out.
        expect(mine).toEqual(
          range(6)
            .map(String)
            .slice(6 - mine.length),
        );
        expect(mine.length).toBeGreaterThanOrEqual(4);
      },
      { leaseMs: 600, pollMs: 200 },
    ));

  test('a process that slept through its lease is fenced: what it handled does not count, and it goes on', async () =>
    inScene(
      url(),
      async ({ namespace, client, log, bus, member }) => {
        const sleeper = await member({
          name: 'sleeper',
          workMs: 1_000,
          options: { leaseMs: 500, pollMs: 200 },
        });
        const sender = bus();
        await sender.send(letter('1'));
        await sender.send(letter('2'));
        await until(async () => (await log.begun()).length === 1, 'the first message');
        sleeper.signal('SIGSTOP');
        const heir = bus();
        heir.subscribe(
          (message) => handle(client, { url: url(), namespace, name: 'heir' }, message),
          { group: 'workers' },
        );
        await until(
          async () => (await log.done()).filter(({ name }) => name === 'heir').length === 2,
          'the heir',
        );
        sleeper.signal('SIGCONT');
        await until(
          () => sleeper.errors.some((text) => text.includes('lost its lease')),
          'the report of the fenced one',
        );
        expect((await sleeper.stats()).fenced).toBe(1);
        await heir.close();
        await sender.send(letter('3'));
        await until(
          async () => (await log.done()).some(({ content }) => content === '3'),
          'the next message',
        );
        const last = (await log.done()).at(-1);
        expect(last).toEqual({ name: 'sleeper', to: 'bob', content: '3' });
      },
      { leaseMs: 500, pollMs: 200 },
    ));

  test('what a member handled of a recipient that another holds by then is not acknowledged', async () =>
    inScene(url(), async ({ namespace, client, bus, failures }) => {
      const one = bus();
      const gates: (() => void)[] = [];
      one.subscribe(() => new Promise<void>((resolve) => gates.push(resolve)), {
        group: 'workers',
      });
      await one.send(letter('1'));
      await until(() => gates.length === 1, 'the handler');
      const prefix = prefixOf(namespace);
      await client.hset(`${prefix}hold:workers`, 'bob', 'somebody-else.1');
      gates[0]?.();
      await until(() => failures.length === 1, 'the report');
      expect(one.stats()).toMatchObject({ fenced: 1, acknowledged: 0, held: 0 });
      expect(await client.xlen(`${prefix}in:workers:bob`)).toBe(1);
      expect(await client.hget(`${prefix}hold:workers`, 'bob')).toBe('somebody-else.1');
    }));

  test('a recipient that comes back to a process waits for the handler that this process still runs', async () =>
    inScene(
      url(),
      async ({ namespace, client, bus, failures }) => {
        const one = bus();
        const gates: (() => void)[] = [];
        let open = 0;
        let most = 0;
        one.subscribe(
          async () => {
            open += 1;
            most = Math.max(most, open);
            await new Promise<void>((resolve) => gates.push(resolve));
            open -= 1;
          },
          { group: 'workers' },
        );
        await one.send(letter('1'));
        await until(() => gates.length === 1, 'the handler');
        // As if the lease had ended, and somebody had given the recipient back.
        const prefix = prefixOf(namespace);
        const back = client.multi().del(`${prefix}leases`).del(`${prefix}hold:workers`);
        await back.zadd(`${prefix}ready:workers`, 1, 'bob').exec();
        await until(() => failures.length === 1 && one.stats().held === 1, 'the recipient again');
        await one.ready();
        expect(gates.length).toBe(1);
        gates[0]?.();
        await until(() => gates.length === 2, 'the second delivery');
        gates[1]?.();
        await until(() => one.stats().held === 0, 'the acknowledgement');
        expect(most).toBe(1);
        expect(one.stats()).toMatchObject({ fenced: 1, acknowledged: 1 });
      },
      { pollMs: 100 },
    ));

  test(
    'messages that were handed over at once keep their order when connections are killed',
    async () =>
      inScene(
        url(),
        async ({ client, bus }) => {
          const [sender, reader] = [
            bus({ maxReconnectDelayMs: 50 }),
            bus({ maxReconnectDelayMs: 50 }),
          ];
          const group: BusMessage[] = [];
          const plain: BusMessage[] = [];
          reader.subscribe((message) => void group.push(message), { group: 'workers' });
          reader.subscribe((message) => void plain.push(message));
          await reader.ready();
          const sending = Promise.all(range(20_000).map((n) => sender.send(letter(`${n}`))));
          for (let kills = 0; kills < 5; kills += 1) {
            await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
            const { sent } = sender.stats();
            await until(
              () => sender.stats().sent > sent || sender.stats().pendingSends === 0,
              'progress',
            );
          }
          await sending;
          await until(
            () =>
              plain.length >= 20_000 &&
              group.at(-1)?.content === '19999' &&
              reader.stats().held === 0,
            'all',
            30_000,
          );
          expect(contents(plain)).toEqual(range(20_000).map(String));
          // The group may see some again, but always from where it was.
          const firsts = [...new Set(contents(group))];
          expect(firsts).toEqual(range(20_000).map(String));
        },
        { capacity: 100_000, sendTimeoutMs: 15_000 },
      ),
    60_000,
  );

  test('a member that is cut off begins nothing once its lease may have ended, and another takes over', async () =>
    inScene(
      url(),
      async ({ namespace, client, log, bus }) => {
        const proxy = await startProxy(Number(new URL(url()).port));
        try {
          const cut = bus({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 60_000 });
          cut.subscribe(
            (message) =>
              handle(client, { url: url(), namespace, name: 'cut', workMs: 120 }, message),
            { group: 'workers' },
          );
          await cut.ready();
          const sender = bus();
          await Promise.all(range(40).map((n) => sender.send(letter(`${n}`))));
          await until(async () => (await log.done()).length > 2, 'some work');
          proxy.set({ kind: 'blackhole' });
          const heir = bus();
          heir.subscribe(
            (message) => handle(client, { url: url(), namespace, name: 'heir' }, message),
            { group: 'workers' },
          );
          await until(
            async () => (await log.done()).some(({ content }) => content === '39'),
            'the last message',
          );
          expect(await log.overlaps()).toEqual([]);
          const begun = await log.begun();
          const heirs = begun.filter(({ name }) => name === 'heir');
          // The one that was cut off stopped by itself: nothing of it comes after the first of its heir.
          expect(
            begun.slice(begun.indexOf(heirs[0] as never)).every(({ name }) => name === 'heir'),
          ).toBe(true);
          expect(heirs.map(({ content }) => Number(content))).toEqual(
            range(40).slice(40 - heirs.length),
          );
          proxy.set({ kind: 'pass' });
          proxy.cut();
          await until(() => cut.stats().isConnected, 'the return of the one that was cut off');
        } finally {
          await proxy.close();
        }
      },
      { leaseMs: 2_500, pollMs: 200 },
    ));

  test('a message that kills its members is set aside, and the next one is handled', async () =>
    inScene(
      url(),
      async ({ bus, member }) => {
        const options = { leaseMs: 500, pollMs: 100, maxDeliveries: 2 };
        const sender = bus();
        for (let n = 0; n < 2; n += 1) {
          const victim = await member({ name: `victim-${n}`, hangs: ['poison'], options });
          if (n === 0) {
            await sender.send(letter('poison'));
            await sender.send(letter('good'));
          }
          await until(async () => (await victim.stats()).running === 1, 'the poison');
          await victim.kill();
        }
        const heir = bus(options);
        const received: BusMessage[] = [];
        heir.subscribe((message) => void received.push(message), { group: 'workers' });
        await until(() => received.length === 1, 'the next message');
        expect(contents(received)).toEqual(['good']);
        const [dead] = await heir.deadLetters.list();
        expect(dead).toMatchObject({
          message: { content: 'poison' },
          attempts: 2,
          reason: { code: 'deliveries-exceeded' },
        });
      },
      { leaseMs: 500, pollMs: 100 },
    ));

  test('a user that may do only what the README says can do everything, in its namespace alone', async () =>
    inScene(url(), async ({ namespace, client, bus, failures }) => {
      const rules =
        '-@all +@read +@write +@connection -@dangerous +eval +evalsha +time +info'.split(' ');
      await client.acl(
        'SETUSER',
        'narrow',
        'reset',
        'on',
        '>secret',
        `~{${namespace}}:*`,
        ...rules,
      );
      const address = new URL(url());
      address.username = 'narrow';
      address.password = 'secret';
      try {
        const one = bus({ url: address.href });
        const received: BusMessage[] = [];
        const end = one.subscribe((message) => void received.push(message), { group: 'workers' });
        one.subscribe((message) => void received.push(message), { to: 'bob' });
        await one.send(letter('1'));
        await one.send(letter('2', 'nobody'));
        await until(() => received.length === 3, 'the messages');
        end();
        await one.send(letter('3', 'nobody'));
        expect(await one.forgetGroup('workers')).toBe(1);
        const { id } = await one.send(letter('4', 'nobody'));
        expect((await one.deadLetters.list()).length).toBe(1);
        expect(await one.deadLetters.redrive(id)).toBe(true);
        const other = bus({ url: address.href, namespace: freshNamespace(), sendTimeoutMs: 500 });
        const error = await other.ready().catch((reason: unknown) => reason);
        expect(PantheonError.is(error, 'unavailable') && error.message).toMatch(/NOPERM/);
        await one.close();
        await other.close();
        expect(failures).toEqual([]);
      } finally {
        await client.acl('DELUSER', 'narrow');
      }
    }));

  test('a message that fails in one process is repeated in its place, be it by another', async () =>
    inScene(
      url(),
      async ({ namespace, client, log, bus, member }) => {
        const failing = bus();
        let failures = 0;
        failing.subscribe(
          ({ content }) => {
            if (content !== '0') throw new Error('only the first');
            failures += 1;
            throw new Error('not here');
          },
          { group: 'workers' },
        );
        await failing.ready();
        const sender = bus();
        for (const n of range(5)) await sender.send(letter(`${n}`));
        await until(() => failures > 0, 'a failure');
        await failing.close();
        await member({ name: 'next', options: { pollMs: 200 } });
        await until(async () => (await log.done()).length === 5, 'all five');
        expect(contents((await log.done()) as unknown as BusMessage[])).toEqual(
          range(5).map(String),
        );
        expect(await client.hlen(`${prefixOf(namespace)}try:workers`)).toBe(0);
      },
      { pollMs: 200 },
    ));

  test('an id is recognised over processes, also when both send at once', async () =>
    inScene(url(), async ({ bus }) => {
      const [first, second, reader] = [bus(), bus(), bus()];
      const plain: BusMessage[] = [];
      const group: BusMessage[] = [];
      reader.subscribe((message) => void plain.push(message));
      reader.subscribe((message) => void group.push(message), { group: 'workers' });
      await reader.ready();
      await Promise.all(
        range(100).flatMap((n) =>
          [first, second].map((one) => one.send(letter(`${n}`, 'bob', `id-${n}`))),
        ),
      );
      await first.send(letter('end'));
      await until(
        () => contents(plain).includes('end') && contents(group).includes('end'),
        'the end',
      );
      expect(contents(plain).toSorted()).toEqual([...range(100).map(String), 'end'].toSorted());
      expect(group.length).toBe(101);
      expect(first.stats().duplicates + second.stats().duplicates).toBe(100);
    }));

  test('an id that newId made before is refused, not taken for a repetition', async () =>
    inScene(url(), async ({ bus }) => {
      const one = bus({ newId: () => 'always the same' });
      await one.send(letter('1', 'nobody'));
      expect(await code(one.send(letter('2', 'nobody')))).toBe('option-invalid');
      expect(await code(bus({ newId: () => '' }).send(letter('3')))).toBe('option-invalid');
    }));

  test('ids are forgotten after two generations, and not before one', async () =>
    inScene(
      url(),
      async ({ bus }) => {
        const one = bus();
        const received: BusMessage[] = [];
        one.subscribe((message) => void received.push(message), { group: 'workers' });
        for (const n of range(10)) await one.send(letter('x', 'bob', `id-${n}`));
        for (const n of range(10)) await one.send(letter('x', 'bob', `id-${n}`));
        expect(one.stats().duplicates).toBe(10);
        for (const n of range(21)) await one.send(letter('x', 'bob', `other-${n}`));
        await one.send(letter('x', 'bob', 'id-0'));
        expect(one.stats().duplicates).toBe(10);
      },
      { dedupWindow: 10 },
    ));

  test('what goes out in one call counts against the capacity, and an id twice in it is one message', async () =>
    inScene(
      url(),
      async ({ bus }) => {
        const early = bus();
        early.subscribe(() => undefined, { group: 'workers' });
        await early.ready();
        await early.close();
        const sender = bus();
        const ids = ['id-1', 'id-1', 'id-2', 'id-3'];
        const codes = await Promise.all(ids.map((id) => code(sender.send(letter(id, 'bob', id)))));
        expect(codes).toEqual(['resolved', 'resolved', 'resolved', 'bus-full']);
        const received: BusMessage[] = [];
        bus().subscribe((message) => void received.push(message), { group: 'workers' });
        await until(() => received.length === 2, 'what was accepted');
        await until(
          () => sender.send(letter('id-3', 'bob', 'id-3')).then(Boolean, () => false),
          'room',
        );
        await until(() => received.length === 3, 'what was refused before');
        expect(contents(received)).toEqual(['id-1', 'id-2', 'id-3']);
      },
      { capacity: 2 },
    ));

  test('where a call fails half way, what it delivered is known, and what it did not can be sent again', async () =>
    inScene(url(), async ({ bus, client, namespace }) => {
      const received: BusMessage[] = [];
      const one = bus();
      one.subscribe((message) => void received.push(message), { group: 'workers', to: 'bob' });
      await one.ready();
      // The second message, which nobody takes, has no place to go.
      await client.set(`${prefixOf(namespace)}dead`, 'not a stream');
      const send = (): Promise<string[]> =>
        Promise.all(
          ['bob', 'nobody', 'bob'].map((to, n) => code(one.send(letter(`${n}`, to, `id-${n}`)))),
        );
      expect(await send()).not.toContain('resolved');
      await client.del(`${prefixOf(namespace)}dead`);
      expect(await send()).toEqual(['resolved', 'resolved', 'resolved']);
      await until(() => received.length >= 2, 'both messages');
      await one.send(letter('end', 'bob'));
      await until(() => contents(received).includes('end'), 'the end');
      expect(contents(received)).toEqual(['0', '2', 'end']);
    }));

  test('dead letters are shared: one bus gives up, another lists and redrives', async () =>
    inScene(url(), async ({ bus }) => {
      const [worker, admin] = [bus(), bus()];
      let isRepaired = false;
      const handled: string[] = [];
      worker.subscribe(
        ({ content }) => {
          if (!isRepaired) throw new PantheonError('actor-invalid', 'Broken.');
          handled.push(content);
        },
        { group: 'workers' },
      );
      const other: BusMessage[] = [];
      admin.subscribe((message) => void other.push(message), { group: 'auditors' });
      await Promise.all([worker.ready(), admin.ready()]);
      const { id } = await admin.send(letter('precious'));
      await until(async () => (await admin.deadLetters.list()).length === 1, 'a dead letter');
      const [dead] = await admin.deadLetters.list();
      expect(dead).toMatchObject({
        message: { id, content: 'precious' },
        attempts: 1,
        reason: { code: 'actor-invalid' },
      });
      isRepaired = true;
      expect(await admin.deadLetters.redrive(id)).toBe(true);
      await until(() => handled.length === 1, 'the redriven letter');
      // Only the group that gave up gets it again.
      expect(other.length).toBe(1);
      expect(await admin.deadLetters.list()).toEqual([]);
    }));

  test('dead letters beyond the limit go, oldest first, and are reported', async () =>
    inScene(
      url(),
      async ({ bus, failures }) => {
        const one = bus();
        for (const n of range(5)) await one.send(letter(`${n}`, 'nobody', `id-${n}`));
        expect((await one.deadLetters.list()).map(({ message }) => message.content)).toEqual([
          '2',
          '3',
          '4',
        ]);
        expect(failures.map(({ error }) => (error as PantheonError).details['id'])).toEqual([
          'id-0',
          'id-1',
        ]);
        expect(await one.deadLetters.redrive('id-0')).toBe(false);
      },
      { maxDeadLetters: 3 },
    ));

  test('members with different `to` get what they can take, at once', async () =>
    inScene(
      url(),
      async ({ bus }) => {
        const names = ['bob', 'eve', 'mia'];
        const received = new Map<string, BusMessage[]>();
        for (const to of names) {
          received.set(to, []);
          const one = bus();
          one.subscribe((message) => void received.get(to)?.push(message), {
            group: 'workers',
            to,
          });
          await one.ready();
        }
        const sender = bus();
        const since = performance.now();
        for (const n of range(30)) await sender.send(letter(`${n}`, names[n % 3]));
        await sender.send(letter('all', '*'));
        const total = (): number =>
          Array.from(received.values()).reduce((sum, list) => sum + list.length, 0);
        await until(() => total() === 31, 'all messages');
        // They were rung: nobody had to wait for the next look, which comes every 30 s here.
        expect(performance.now() - since).toBeLessThan(20_000);
        for (const [to, list] of received)
          expect(
            list.filter((message) => message.to !== '*').every((message) => message.to === to),
          ).toBe(true);
        await sender.send(letter('lost', 'nobody'));
        expect((await sender.deadLetters.list()).map(({ message }) => message.content)).toEqual([
          'lost',
        ]);
      },
      { pollMs: 30_000, leaseMs: 60_000 },
    ));

  test('a group keeps messages while it has no member, until it is forgotten', async () =>
    inScene(url(), async ({ namespace, client, bus }) => {
      const first = bus();
      const leave = first.subscribe(() => undefined, { group: 'workers' });
      await first.ready();
      expect(await code(first.forgetGroup('workers'))).toBe('option-invalid');
      leave();
      await first.send(letter('kept'));
      await first.close();
      const second = bus();
      await second.send(letter('kept as well'));
      const received: BusMessage[] = [];
      const leaveSecond = second.subscribe((message) => void received.push(message), {
        group: 'workers',
      });
      await until(() => received.length === 2, 'what was kept');
      expect(contents(received)).toEqual(['kept', 'kept as well']);
      leaveSecond();
      await second.send(letter('too much'));
      expect(await second.forgetGroup('workers')).toBe(1);
      await second.send(letter('for nobody'));
      expect((await second.deadLetters.list()).map(({ message }) => message.content)).toEqual([
        'for nobody',
      ]);
      await second.close();
      expect(await keysOf(client, namespace)).toEqual(['dead', 'dead:ids', 'ids', 'meta']);
    }));

  test('what only tells new messages from known ones goes by itself when nobody uses the bus', async () =>
    inScene(url(), async ({ namespace, client, bus }) => {
      const one = bus({ dedupWindowMs: 1_000, leaseMs: 1_000 });
      one.subscribe(() => undefined);
      await one.send(letter('hello'));
      await one.close();
      const left = await keysOf(client, namespace);
      expect(left).toEqual(['all', 'ids', 'meta']);
      for (const key of left) {
        const ms = await client.pttl(prefixOf(namespace) + key);
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThanOrEqual(10_000);
      }
    }));

  test('what a group takes by `to` goes with its last subscription', async () =>
    inScene(url(), async ({ namespace, client, bus }) => {
      const one = bus();
      const ends = ['bob', 'bob', 'eve'].map((to) =>
        one.subscribe(() => undefined, { group: 'workers', to }),
      );
      ends[0]?.();
      await one.send(letter('taken'));
      await until(() => one.stats().acknowledged === 1, 'the handling');
      ends[1]?.();
      await one.send(letter('lost'));
      expect((await one.deadLetters.list()).map(({ message }) => message.content)).toEqual([
        'lost',
      ]);
      ends[2]?.();
      await until(() => one.stats().held === 0 && one.stats().waiting === 0, 'rest');
      await one.close();
      expect(await keysOf(client, namespace)).toEqual(['dead', 'dead:ids', 'ids', 'meta']);
    }));

  test('busy recipients move to a member that has nothing to do, and keep their order', async () =>
    inScene(url(), async ({ bus }) => {
      const [first, second, sender] = [bus(), bus(), bus()];
      const handled: BusMessage[] = [];
      const counts = [0, 0];
      const open = new Set<string>();
      let overlaps = 0;
      const handler = (index: number) => async (message: BusMessage) => {
        if (open.has(message.to)) overlaps += 1;
        open.add(message.to);
        await new Promise((resolve) => setImmediate(resolve));
        open.delete(message.to);
        handled.push(message);
        counts[index] = (counts[index] ?? 0) + 1;
      };
      first.subscribe(handler(0), { group: 'workers' });
      await first.ready();
      await Promise.all(
        range(2_400).map((n) => sender.send(letter(`${Math.floor(n / 6)}`, `r${n % 6}`))),
      );
      second.subscribe(handler(1), { group: 'workers' });
      const more = Promise.all(
        range(2_400).map((n) => sender.send(letter(`${400 + Math.floor(n / 6)}`, `r${n % 6}`))),
      );
      await until(() => handled.length === 4_800, 'all messages');
      await more;
      for (const list of byRecipient(handled).values())
        expect(list).toEqual(range(800).map(String));
      expect(overlaps).toBe(0);
      expect(Math.min(...counts)).toBeGreaterThan(100);
    }));

  test('more recipients than a member may handle at a time all get their turn', async () =>
    inScene(
      url(),
      async ({ bus }) => {
        const one = bus();
        let open = 0;
        let most = 0;
        let handled = 0;
        one.subscribe(
          async () => {
            open += 1;
            most = Math.max(most, open);
            await new Promise((resolve) => setImmediate(resolve));
            open -= 1;
            handled += 1;
          },
          { group: 'workers' },
        );
        await one.ready();
        await Promise.all(range(600).map((n) => one.send(letter(`${n}`, `r${n % 60}`))));
        await until(() => handled === 600, 'all messages');
        expect(most).toBeLessThanOrEqual(4);
      },
      { concurrency: 4 },
    ));

  test('a connection that carries nothing any more is noticed: sends say that they do not know, and all goes on', async () =>
    inScene(url(), async ({ bus }) => {
      const proxy = await startProxy(Number(new URL(url()).port));
      try {
        const through = bus({
          url: `redis://127.0.0.1:${proxy.port}`,
          pollMs: 200,
          commandTimeoutMs: 600,
          sendTimeoutMs: 400,
          maxReconnectDelayMs: 100,
        });
        const plain: BusMessage[] = [];
        const group: BusMessage[] = [];
        through.subscribe((message) => void plain.push(message));
        through.subscribe((message) => void group.push(message), { group: 'workers' });
        await through.ready();
        await through.send(letter('before'));
        proxy.set({ kind: 'blackhole' });
        const lost = await through
          .send(letter('during', 'bob', 'same'))
          .catch((error: unknown) => error);
        expect(PantheonError.is(lost, 'send-unknown') && lost.details['id']).toBe('same');
        const direct = bus();
        await direct.send(letter('from elsewhere'));
        proxy.set({ kind: 'pass' });
        proxy.cut();
        await until(
          async () => (await code(through.send(letter('during', 'bob', 'same')))) === 'resolved',
          'sending again',
        );
        await until(() => plain.length === 3 && group.length === 3, 'all messages');
        expect(contents(plain).toSorted()).toEqual(['before', 'during', 'from elsewhere']);
        expect(contents(group).toSorted()).toEqual(['before', 'during', 'from elsewhere']);
      } finally {
        await proxy.close();
      }
    }));

  test('a refusal does not hide that an earlier attempt may have been accepted', async () =>
    inScene(url(), async ({ client, bus }) => {
      const proxy = await startProxy(Number(new URL(url()).port));
      try {
        const through = bus({ url: `redis://127.0.0.1:${proxy.port}`, maxReconnectDelayMs: 50 });
        await through.ready();
        proxy.set({ kind: 'blackhole' });
        const sending = through.send(letter('x', 'bob', 'same')).catch((error: unknown) => error);
        await until(() => through.stats().pendingSends === 1, 'the call');
        // The bytes have left before the connection is cut.
        for (let turns = 0; turns < 10; turns += 1)
          await new Promise((resolve) => setImmediate(resolve));
        await client.config('SET', 'maxmemory', '1');
        proxy.set({ kind: 'pass' });
        proxy.cut();
        const error = await sending;
        expect(PantheonError.is(error, 'send-unknown') && error.message).toMatch(/OOM/);
      } finally {
        await client.config('SET', 'maxmemory', '0');
        await proxy.close();
      }
    }));

  test('close leaves neither sockets nor timers nor connections', async () =>
    inScene(url(), async ({ client, bus }) => {
      const count = async (): Promise<number> =>
        String(await client.client('LIST'))
          .trim()
          .split('\n').length;
      await client.ping();
      const before = {
        clients: await count(),
        resources: process.getActiveResourcesInfo(),
      };
      /** What is there now and was not before. Something of the test runner may have ended meanwhile. */
      const left = (): readonly string[] => {
        const known = [...before.resources];
        return process.getActiveResourcesInfo().filter((kind) => {
          const index = known.indexOf(kind);
          if (index !== -1) known.splice(index, 1);
          return index === -1;
        });
      };
      const one = bus();
      one.subscribe(() => undefined);
      one.subscribe(() => undefined, { group: 'workers' });
      await one.send(letter('x'));
      expect(await count()).toBe(before.clients + 2);
      await one.close();
      await until(async () => (await count()) === before.clients, 'the end of the connections');
      await until(() => left().length === 0, `the end of ${left().join()}`);
    }));

  test('a plain subscription that cannot keep up is told how much it missed', async () =>
    inScene(url(), async ({ namespace, client, bus, failures }) => {
      const reader = bus();
      const received: BusMessage[] = [];
      reader.subscribe((message) => void received.push(message));
      await reader.ready();
      const sender = bus();
      await sender.send(letter('0'));
      await until(() => received.length === 1, 'the first');
      // Nobody can be slower than this: the entries go while they are added.
      const all = `${prefixOf(namespace)}all`;
      const transaction = client.multi();
      const meta = `${prefixOf(namespace)}meta`;
      for (let n = 0; n < 10; n += 1)
        transaction.hincrby(meta, 'n', 1).xadd(all, '*', 'n', n + 2, 'm', '{}');
      await transaction.xtrim(all, 'MAXLEN', 0).exec();
      await sender.send(letter('1'));
      await until(() => received.length === 2, 'the next');
      const missed = failures.map(({ error }) => (error as PantheonError).details['missed']);
      expect(missed).toEqual([10]);
    }));

  test('a client that is passed in is a pattern: it is neither used nor closed', async () =>
    inScene(url(), async ({ bus }) => {
      const own = new Redis(url(), {
        lazyConnect: true,
        connectionName: 'mine',
        keyPrefix: 'not:',
      });
      const one = bus({ client: own });
      const received: BusMessage[] = [];
      one.subscribe((message) => void received.push(message));
      await one.send(letter('hello'));
      await until(() => received.length === 1, 'the message');
      await one.close();
      expect(own.status).toBe('wait');
      await own.ping();
      expect(await own.get('x')).toBeNull();
      own.disconnect();
    }));

  test('namespaces see nothing of each other, however they are called', async () => {
    const client = connect(url());
    const names = ['a', 'a:', 'a*', '{x}', 'a:bus'].map((name) => `${freshNamespace()}${name}`);
    const buses = names.map((namespace) => makeRedisBus({ url: url(), namespace }));
    const received = buses.map((bus) => {
      const list: BusMessage[] = [];
      bus.subscribe((message) => void list.push(message), { group: 'workers' });
      return list;
    });
    try {
      await Promise.all(buses.map((bus, index) => bus.send(letter(`${index}`))));
      await until(() => received.every((list) => list.length === 1), 'a message each');
      expect(received.map(contents)).toEqual(names.map((_, index) => [`${index}`]));
    } finally {
      await Promise.all(buses.map((bus) => bus.close()));
      for (const name of names) await removeAll(client, name);
      client.disconnect();
    }
  });

  test('what somebody else wrote into an inbox goes to the dead letters, and the inbox goes on', async () =>
    inScene(url(), async ({ namespace, client, bus }) => {
      const one = bus();
      const received: string[] = [];
      const hold: (() => void)[] = [];
      one.subscribe(
        ({ content }) => {
          received.push(content);
          return content === 'first'
            ? new Promise<void>((resolve) => hold.push(resolve))
            : undefined;
        },
        { group: 'workers' },
      );
      await one.send(letter('first'));
      await until(() => received.length === 1, 'the first');
      const inbox = `${prefixOf(namespace)}in:workers:bob`;
      await client.xadd(inbox, '*', 'm', 'no json');
      await client.xadd(
        inbox,
        '*',
        'm',
        JSON.stringify({ v: 2, id: 'x', from: 'a', to: 'bob', content: 'new' }),
      );
      await client.xadd(inbox, '*', 'm', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
      await client.xadd(inbox, '*', 'other', 'field');
      await client.xadd(
        inbox,
        '*',
        'm',
        JSON.stringify({ v: 1, id: 'y', from: 'a', to: 'bob', content: 7, sentAt: 1, hops: 0 }),
      );
      await client.xadd(
        inbox,
        '*',
        'm',
        JSON.stringify({
          v: 1,
          id: 'z',
          from: 'a',
          to: 'bob',
          content: 'good',
          sentAt: 1,
          hops: 0,
          more: true,
        }),
      );
      await one.send(letter('last'));
      hold[0]?.();
      await until(() => received.length === 3, 'the rest');
      expect(received).toEqual(['first', 'good', 'last']);
      const dead = await one.deadLetters.list();
      expect(dead.map(({ reason }) => reason.code)).toEqual(
        Array.from({ length: 5 }, () => 'message-invalid'),
      );
      expect(dead.map(({ reason }) => reason.message).join('\n')).toMatch(
        /no JSON[^]*version 2[^]*no UTF-8[^]*"m"[^]*content/,
      );
    }));

  test('a Redis that may evict is refused with the setting to change', async () =>
    inScene(url(), async ({ client, bus, warnings }) => {
      await client.config('SET', 'maxmemory', '1gb', 'maxmemory-policy', 'allkeys-lru');
      try {
        const refused = bus({ sendTimeoutMs: 500 });
        const error = await refused.ready().catch((reason: unknown) => reason);
        expect(PantheonError.is(error, 'unavailable') && error.message).toMatch(/noeviction/);
        await bus({ allowEviction: true }).ready();
      } finally {
        await client.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
      }
      expect(warnings.join()).toMatch(/appendonly/);
    }));
});
