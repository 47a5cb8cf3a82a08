/**
 * `node durable-bus-child.ts <contestant> <together|apart|steady> <ms>`: messages a second from the first call of send to the last
 * handled message, the consumer in this process or in one of its own; or the p99 of the time from send to handler, in milliseconds,
 * at a steady thousand a second, the consumer in a process of its own. With `consume` it is that process.
 */
import { fork } from 'node:child_process';
import {
  type Contestant,
  CONTESTANTS,
  type Parcel,
  RECIPIENTS,
} from './durable-bus-contestants.ts';

/** What a consumer saw of the messages that it was told to expect. */
interface Seen {
  readonly count: number;
  /** Messages that were not the next one to their recipient. */
  readonly disordered: number;
  /** Milliseconds. */
  readonly p99: number;
}

/** Resolves when that many more messages were handled. */
type Expect = (count: number) => Promise<Seen>;

const PADDING = 'x'.repeat(80);
/** A clock that all processes of a machine share. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const startConsumer = async ({ consume }: Contestant): Promise<Expect> => {
  const last = Array.from({ length: RECIPIENTS }, () => 0);
  let latencies: number[] = [];
  let disordered = 0;
  let expected = Number.POSITIVE_INFINITY;
  let done = (): void => undefined;
  const settle = (): void => {
    if (latencies.length >= expected) done();
  };
  await consume(({ to, content }) => {
    const [number, sentAt] = content.split(' ').map(Number) as [number, number];
    latencies.push(nowMs() - sentAt);
    if (number !== (last[to] as number) + 1) disordered += 1;
    last[to] = number;
    settle();
  });
  return async (count) => {
    await new Promise<void>((resolve) => {
      expected = count;
      done = resolve;
      settle();
    });
    const sorted = latencies.toSorted((a, b) => a - b);
    const seen = {
      count: sorted.length,
      disordered,
      p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    };
    [latencies, disordered, expected] = [[], 0, Number.POSITIVE_INFINITY];
    return seen;
  };
};

/** A consumer in a process of its own. */
const forkConsumer = async (name: string): Promise<Expect> => {
  const child = fork(import.meta.filename, [name, 'consume']);
  const answer = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as T));
      child.once('exit', () => reject(new Error(`the consumer of ${name} ended`)));
    });
  process.once('exit', () => child.kill());
  await answer();
  return (count) => {
    child.send(count);
    return answer();
  };
};

const [name = '', mode = '', ms = '0'] = process.argv.slice(2);
const contestant = CONTESTANTS.find((one) => one.name === name);
if (contestant === undefined) throw new Error(`There is no contestant "${name}".`);

const numbers = Array.from({ length: RECIPIENTS }, () => 0);
let next = 0;
const makeParcel = (): Parcel => {
  const to = next % RECIPIENTS;
  next += 1;
  numbers[to] = (numbers[to] as number) + 1;
  return { to, content: `${numbers[to]} ${nowMs()} ${PADDING}` };
};

const require = ({ count, disordered }: Seen, expected: number): void => {
  if (count !== expected) throw new Error(`${name}: ${count} messages of ${expected}`);
  if (contestant.isOrdered && disordered > 0)
    throw new Error(`${name}: ${disordered} messages out of order`);
};

/** Messages a second, in ever longer rounds until one is long enough. */
const measureRate = async (expect: Expect, enoughMs: number): Promise<number> => {
  const { sendAll } = await contestant.sender();
  for (let count = 5 * RECIPIENTS; ; count *= 2) {
    const parcels = Array.from({ length: count }, makeParcel);
    const seen = expect(count);
    const began = performance.now();
    const sent = sendAll(parcels);
    require(await seen, count);
    const elapsed = performance.now() - began;
    await sent;
    if (elapsed >= enoughMs) return (count * 1_000) / elapsed;
  }
};

/** The p99 at one message a millisecond. */
const measureLatency = async (expect: Expect, forMs: number): Promise<number> => {
  const { sendOne } = await contestant.sender();
  if (sendOne === undefined) throw new Error(`${name} sends in batches only`);
  const run = async (count: number): Promise<Seen> => {
    const seen = expect(count);
    const began = performance.now();
    const sends: Promise<unknown>[] = [];
    while (sends.length < count) {
      const due = Math.min(count, Math.floor(performance.now() - began));
      while (sends.length < due) sends.push(sendOne(makeParcel()));
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
    await Promise.all(sends);
    const result = await seen;
    require(result, count);
    return result;
  };
  await run(Math.ceil(forMs / 4)); // Nothing is compiled yet.
  return (await run(forMs)).p99;
};

if (mode === 'consume') {
  const expect = await startConsumer(contestant);
  process.on(
    'message',
    (count) => void expect(count as number).then((seen) => process.send?.(seen)),
  );
  process.once('disconnect', () => process.exit(0));
  process.send?.('ready');
} else {
  const expect = mode === 'together' ? await startConsumer(contestant) : await forkConsumer(name);
  const measure = mode === 'steady' ? measureLatency : measureRate;
  process.stdout.write(JSON.stringify(await measure(expect, Number(ms))));
  process.exit(0);
}
