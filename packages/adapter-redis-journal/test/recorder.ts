/** One process among several that do the same ticks: each cause is opened, and a step recorded with who it was. */
import { makeRedisJournal, type RedisJournal } from '../src/index.ts';

/** What each cause's step came to: who recorded first. */
export const record = async (
  journal: RedisJournal,
  name: string,
  causes: number,
): Promise<readonly string[]> => {
  const names: string[] = [];
  for (let n = 0; n < causes; n += 1) {
    const tick = { tickId: `${name}-${n}`, actorId: 'ada', cause: `m${n}` };
    names.push(await (await journal.open(tick)).step('who', () => name));
  }
  return names;
};

if (process.argv[1] === import.meta.filename) {
  const [url = '', namespace = '', name = '', causes = '0'] = process.argv.slice(2);
  const journal = makeRedisJournal({ url, namespace, timeoutMs: 60_000 });
  console.log(JSON.stringify(await record(journal, name, Number(causes))));
  await journal.close();
}
