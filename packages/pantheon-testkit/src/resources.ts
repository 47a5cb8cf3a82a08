import { setTimeout as wait } from 'node:timers/promises';
import { turn } from './assertions.ts';

/** How many there are of each kind of resource that keeps the process alive, and of listeners of the process. */
export type Resources = ReadonlyMap<string, number>;

/** What ends by itself: a turn of the host, and requests (`FSReqPromise`, `GetAddrInfoReqWrap`). */
const PASSING = /^Immediate$|Req/;

const SAMPLE_MS = 5;
const SAMPLES = 4;

const sample = async (): Promise<Resources> => {
  await wait(SAMPLE_MS);
  // The timer just now waited for still counts until its callbacks are through.
  await turn();
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!PASSING.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const event of process.eventNames())
    counts.set(`listener of ${String(event)}`, process.listenerCount(event));
  return counts;
};

/** What the process holds now. Of several looks the least, so that what a test runner does meanwhile hides nothing. */
export const quietResources = async (): Promise<Resources> => {
  // Both are opened when they are first used; what a runner prints between two cases is not a case's.
  for (const stream of [process.stdout, process.stderr]) stream.writableLength satisfies number;
  const samples: Resources[] = [];
  while (samples.length < SAMPLES) samples.push(await sample());
  const least = new Map<string, number>();
  for (const kind of samples[0]?.keys() ?? [])
    least.set(kind, Math.min(...samples.map((counts) => counts.get(kind) ?? 0)));
  return least;
};

/** What the process holds beyond `before`, in words. */
export const resourcesBeyond = async (before: Resources): Promise<readonly string[]> => {
  const beyond: string[] = [];
  for (const [kind, count] of await sample()) {
    const added = count - (before.get(kind) ?? 0);
    if (added > 0) beyond.push(`${added} more active ${kind} in the process`);
  }
  return beyond;
};
