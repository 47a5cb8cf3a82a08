/**
 * Scheduled task: an actor is ticked every minute, and another at a time of day in a time zone.
 * To see: five ticks in five minutes, and the evening report at 18:00 in Berlin on both sides of a change of the clocks.
 * The time is a manual clock. Leave `schedule` and `now` out, and makePantheon takes the real one.
 */
import assert from 'node:assert/strict';
import { makeCronScheduler } from '@promethean/adapter-cron-scheduler';
import { defineScript, makePantheon } from '@promethean/pantheon';
import { makeManualTimers } from '@promethean/pantheon-core/memory';

const MINUTE = 60_000;
const timers = makeManualTimers();
const now = (): number => Date.UTC(2026, 2, 28, 0, 0) + timers.now();
const scheduler = makeCronScheduler({ now, timers });

const done: string[] = [];
const worker = (name: string) =>
  defineScript({
    name,
    contextSources: [],
    talents: [
      {
        name: 'working',
        behaviors: [
          {
            name: 'work',
            mode: 'passive',
            plan: (input) => {
              done.push(`${name} ${new Date(input.now()).toISOString().slice(5, 16)}`);
              console.log(done.at(-1));
              return { actions: [] };
            },
          },
        ],
      },
    ],
  });

const pantheon = makePantheon({
  actors: [{ script: worker('cleaner') }, { script: worker('reporter') }],
  schedule: scheduler,
  now,
});
const { orchestrator, ports: deps } = pantheon;
await pantheon.start();
const actor = await pantheon.actor('cleaner');
const reporter = await pantheon.actor('reporter');

// Schedule periodic tasks
const cleanupTask = deps.schedule.every(60000, async () => {
  await orchestrator.tickActor(actor);
});
await timers.advance(5 * MINUTE);
cleanupTask();
assert.equal(done.length, 5);

// The night from the 28th to the 29th of March is an hour shorter in Berlin: 18:00 there is 17:00 UTC, then 16:00 UTC.
const endReports = scheduler.cron('0 18 * * *', () => orchestrator.tickActor(reporter), {
  timezone: 'Europe/Berlin',
});
await timers.advance(2 * 24 * 60 * MINUTE - 5 * MINUTE);
endReports();
assert.deepEqual(done.slice(5), ['reporter 03-28T17:00', 'reporter 03-29T16:00']);

await pantheon.stop();
await scheduler.close(); // What was passed in is closed by whoever made it.
assert.equal(timers.pending(), 0);
