/**
 * The config of the application that is stopped: a worker that does what it is told (`REDIS_URL` makes its messages durable), a deaf
 * tool that it can be told to call, and a neighbour whose loop never rests.
 */
export const WORKER_CONFIG = `
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { defineConfig, defineScript } from '@promethean/pantheon';

const url = process.env.REDIS_URL;
const workMs = Number(process.env.WORK_MS ?? '5');
const tools = {
  register: () => {},
  list: () => [{ name: 'effect' }, { name: 'deaf' }],
  invoke: async (name, args, call) => {
    appendFileSync('calls.log', name + ' ' + args.text + ' ' + call.idempotencyKey + '\\n');
    if (name === 'deaf') return new Promise(() => {});
    await pause(workMs);
    return null;
  },
};
const worker = defineScript({
  name: 'worker',
  contextSources: [],
  talents: [{ name: 'work', behaviors: [{
    name: 'work',
    mode: 'active',
    plan: ({ userMessage }) => ({ actions: [
      { type: 'tool', name: userMessage === 'deaf' ? 'deaf' : 'effect', args: { text: userMessage } },
      { type: 'message', content: 'did ' + userMessage },
    ] }),
  }] }],
});
const restless = defineScript({
  name: 'restless',
  contextSources: [],
  talents: [{ name: 'turn', behaviors: [{
    name: 'turn',
    mode: 'passive',
    plan: async () => { await pause(3); return { actions: [] }; },
  }] }],
});
export default defineConfig({
  actors: [{ script: worker, goals: ['work'] }, { script: restless, goals: ['turn'], loopMs: 5 }],
  tools,
  log: { level: 'fatal' },
  state: { file: 'kept/state.db' },
  journal: { file: 'kept/journal.db' },
  ...(url === undefined ? {} : {
    bus: makeRedisBus({ url, namespace: 'stopped', leaseMs: 1000, pollMs: 200, retryDelayMs: 100 }),
    group: 'workers',
  }),
});
`;
