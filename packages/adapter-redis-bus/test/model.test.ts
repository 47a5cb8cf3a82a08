/** Random interleavings of senders, members and failures against a model of what a group promises. */
import fc from 'fast-check';
import { type BusMessage, PantheonError } from '@promethean/pantheon-core';
import { describeWithRedis } from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import type { RedisBus } from '../src/index.ts';
import { until } from './inspect.ts';
import { byRecipient, letter, makeScene } from './scene.ts';

const RECIPIENTS = ['bob', 'eve', 'a:b'];

type Step =
  | { readonly do: 'send'; readonly to: number; readonly count: number; readonly twice: boolean }
  | { readonly do: 'join'; readonly fails: number }
  | { readonly do: 'leave'; readonly which: number }
  | { readonly do: 'close'; readonly which: number }
  | { readonly do: 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      to: fc.nat(2),
      count: fc.integer({ min: 1, max: 12 }),
      twice: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), fails: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), which: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'wait' as const }) },
);

interface Member {
  readonly bus: RedisBus;
  readonly leave: () => void;
}

describeWithRedis('a group under random interleavings', (redis) => {
  test('loses nothing, repeats only what failed, keeps the order of each recipient and never overlaps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
        const scene = makeScene(redis().url, { retryDelayMs: 1, pollMs: 500 });
        const sent: { to: string; content: string }[] = [];
        const handled: { to: string; content: string }[] = [];
        const open = new Set<string>();
        let overlaps = 0;
        let failed = 0;
        let members: Member[] = [];
        let sequence = 0;
        const join = async (fails: number): Promise<void> => {
          let left = fails;
          const handle = async ({ to, content }: BusMessage): Promise<void> => {
            if (open.has(to)) overlaps += 1;
            open.add(to);
            await new Promise((resolve) => setImmediate(resolve));
            open.delete(to);
            if (left > 0) {
              left -= 1;
              failed += 1;
              throw new PantheonError('actor-busy', 'Again.', { retryable: true });
            }
            handled.push({ to, content });
          };
          const bus = scene.bus({ maxDeliveries: 1_000 });
          members.push({ bus, leave: bus.subscribe(handle, { group: 'workers' }) });
        };
        try {
          const sender = scene.bus();
          await join(0);
          await members[0]?.bus.ready();
          for (const one of steps) {
            if (one.do === 'join') await join(one.fails);
            else if (one.do === 'wait') await new Promise((resolve) => setImmediate(resolve));
            else if (one.do === 'send') {
              const to = RECIPIENTS[one.to] as string;
              const batch = Array.from({ length: one.count }, () => {
                sequence += 1;
                const content = `${sequence}`;
                sent.push({ to, content });
                return sender.send(letter(content, to, `id-${content}`));
              });
              if (one.twice) batch.push(sender.send(letter(`${sequence}`, to, `id-${sequence}`)));
              await Promise.all(batch);
            } else if (members.length > 0) {
              const [member] = members.splice(one.which % members.length, 1) as [Member];
              if (one.do === 'leave') member.leave();
              else void member.bus.close();
            }
          }
          await join(0);
          await until(
            () => handled.length >= sent.length,
            `the handling of ${sent.length}, not ${handled.length}`,
          );
          await Promise.all(members.map(({ bus }) => bus.close()));
          members = [];
          expect(byRecipient(handled)).toEqual(byRecipient(sent));
          expect(overlaps).toBe(0);
          expect(scene.failures.length).toBe(failed);
          expect(await sender.deadLetters.list()).toEqual([]);
        } finally {
          await scene.close();
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
    );
  }, 60_000);
});
