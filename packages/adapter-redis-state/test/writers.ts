/** Several writers on one actor at once. Also a process of its own: `node writers.ts <url> <namespace> <first writer> <writers> <rounds>`. */
import type { ActorScript } from '@promethean/pantheon-core';
import { makeRedisState, type RedisState } from '../src/index.ts';

export const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };

/** Each writer counts up a key of its own, as many times as there are rounds. */
export const write = async (
  state: RedisState,
  first: number,
  writers: number,
  rounds: number,
): Promise<void> => {
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let round = 1; round <= rounds; round += 1)
        await state.update('shared', { metadata: { [`writer-${first + writer}`]: round } });
    }),
  );
};

if (process.argv[1] === import.meta.filename) {
  const [url = '', namespace = '', ...numbers] = process.argv.slice(2);
  const [first = 0, writers = 0, rounds = 0] = numbers.map(Number);
  const state = makeRedisState({ url, namespace, scripts: [clerk], timeoutMs: 60_000 });
  await write(state, first, writers, rounds);
  await state.close();
}
