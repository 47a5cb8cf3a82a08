/**
 * A process of a test: when it is told to, opens ticks of causes that others open too, some at a time and beginning elsewhere than they
 * do, and records a step in each.
 */
import { makePostgresJournal } from '../src/index.ts';

const [url = '', schema = '', me = '', from = '', causes = ''] = process.argv.slice(2);
const WAVE = 10;
const journal = makePostgresJournal({ url, schema });
await journal.ready();

const open = async (n: number) => {
  const record = await journal.open({ tickId: `${me} ${n}`, actorId: 'ada', cause: `m${n}` });
  const value = await record.step('a', () => me);
  return { n, tickId: record.tickId, attempt: record.attempt, value };
};

const openAll = async (): Promise<void> => {
  const all = Array.from({ length: Number(causes) }, (_, n) => (Number(from) + n) % Number(causes));
  const opened: unknown[] = [];
  for (let at = 0; at < all.length; at += WAVE)
    opened.push(...(await Promise.all(all.slice(at, at + WAVE).map(open))));
  await journal.close();
  process.send?.(opened, () => process.disconnect());
};
process.once('message', () => void openAll());
process.send?.('ready');
