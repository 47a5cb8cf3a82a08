/** A process of a cluster: has one schedule, and tells its parent of every run. */
import { makeBullmqScheduler } from '../src/index.ts';

const [url, namespace, kind, timing, runMs, leaseMs] = process.argv.slice(2) as [
  string,
  string,
  'every' | 'cron',
  string,
  string,
  string,
];
const scheduler = makeBullmqScheduler({
  url,
  namespace,
  keepRuns: 1_000,
  leaseMs: Number(leaseMs),
  onError: (error) => process.send?.({ error: String(error) }),
});
const task = async (): Promise<void> => {
  process.send?.({ begun: performance.timeOrigin + performance.now() });
  if (Number(runMs) > 0) await new Promise((resolve) => setTimeout(resolve, Number(runMs)));
  process.send?.({ ended: performance.timeOrigin + performance.now() });
};

await scheduler.ready();
const shared = scheduler.named('job');
if (kind === 'every') shared.every(Number(timing), task);
else shared.cron(timing, task);
process.send?.({ ready: true });
process.once('message', () => {
  void scheduler.close().then(() => process.disconnect());
});
