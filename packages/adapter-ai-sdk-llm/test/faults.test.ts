import type { LlmRequest } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { refuse, say } from './model-server.ts';
import { useSetup } from './setup.ts';

const setup = useSetup();

test('a limit of the rate is not run into again by fifty actors at once', async (context) => {
  const [actors, bucket, periodMs] = [50, 5, 100];
  const startedAt = performance.now();
  const taken = new Map<number, number>();
  let refused = 0;
  const refusedAt = new Map<string, number>();
  const waits: number[] = [];
  setup.server.reply((response, asked) => {
    const atMs = performance.now() - startedAt;
    const actor = JSON.stringify(asked.messages);
    const wait = atMs - (refusedAt.get(actor) ?? Number.NaN);
    if (refusedAt.delete(actor)) waits.push(wait);
    const period = Math.floor(atMs / periodMs);
    taken.set(period, (taken.get(period) ?? 0) + 1);
    if ((taken.get(period) ?? 0) <= bucket) return say({ content: 'done' })(response, asked);
    refused += 1;
    refusedAt.set(actor, atMs);
    const leftMs = (period + 1) * periodMs - atMs;
    return refuse(429, { 'retry-after-ms': leftMs.toFixed(3) })(response, asked);
  });
  // The host's clock, since the figure is about time.
  const llm = setup.make({ timers: undefined, now: undefined, random: undefined });
  const ask = (_: unknown, actor: number): LlmRequest => ({
    messages: [{ role: 'user', content: `I am ${actor}.` }],
  });
  const answers = await Promise.all(
    Array.from({ length: actors }, ask).map((one) => llm.complete(one)),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const requests = setup.server.asked.length;
  expect(answers).toHaveLength(actors);
  expect(refused).toBeGreaterThan(0);
  expect(requests).toBeLessThanOrEqual(1.5 * actors);
  const equalWaits = waits.length - new Set(waits).size;
  expect([waits.length, equalWaits]).toEqual([refused, 0]);
  noteFigures(context, 'F8', {
    actors,
    requests,
    refused,
    'req/s': Math.round(requests / seconds),
    goodput: Number((actors / requests).toFixed(2)),
    equalWaits,
  });
});
