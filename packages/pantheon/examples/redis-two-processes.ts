/**
 * Redis in two processes: the actor lives in one process, its user in another; bus and state are in Redis.
 * To see: answers that carry the process id of the worker, and the worker's actor read by the other process.
 * It needs a Redis: REDIS_URL=redis://127.0.0.1:6379 node redis-two-processes.ts
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeRedisState } from '@promethean/adapter-redis-state';
import { defineScript, makePantheon } from '@promethean/pantheon';

const url = process.env['REDIS_URL'];
if (url === undefined) {
  console.error('Set REDIS_URL to the address of a Redis, such as redis://127.0.0.1:6379.');
  process.exit(2);
}

const worker = defineScript({
  name: 'worker',
  version: '1',
  contextSources: [],
  talents: [
    {
      name: 'working',
      behaviors: [
        {
          name: 'work',
          mode: 'active',
          plan: ({ userMessage = '' }) => ({
            actions: [{ type: 'message', content: `${process.pid}: ${userMessage.length}` }],
          }),
        },
      ],
    },
  ],
});

/** Runs of this example do not see each other; the worker gets the namespace of its parent. */
const namespace = process.argv[2] ?? `example-${randomUUID()}`;
const bus = makeRedisBus({ url, namespace, onError: console.error });
const state = makeRedisState({ url, namespace, scripts: [worker] });
const isWorker = process.argv[2] !== undefined;

if (isWorker) {
  const pantheon = makePantheon({
    actors: [{ script: worker, goals: ['measure words'] }],
    bus,
    state,
    group: 'workers', // Start more workers: each message goes to one of them.
  });
  await pantheon.start();
  await bus.ready(); // Redis knows who takes the worker's messages.
  process.send?.('ready');
  await once(process, 'disconnect');
  await pantheon.stop();
} else {
  const child = fork(import.meta.filename, [namespace]);
  await once(child, 'message');

  const answers: string[] = [];
  const words = ['one', 'three', 'seventeen'];
  const all = new Promise<void>((resolve) => {
    bus.subscribe(
      ({ from, content }) => {
        console.log(`${from} -> user: ${content}`);
        if (answers.push(content) === words.length) resolve();
      },
      { to: 'user' },
    );
  });
  for (const word of words) await bus.send({ from: 'user', to: 'worker', content: word });
  await all;
  assert.notEqual(child.pid, process.pid);
  assert.deepEqual(answers, [`${child.pid}: 3`, `${child.pid}: 5`, `${child.pid}: 9`]);

  const actor = await state.get('worker');
  console.log('in Redis:', actor?.id, actor?.goals);
  assert.deepEqual(actor?.goals, ['measure words']);

  child.disconnect();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.equal(await state.remove('worker'), true);
}
await bus.close();
await state.close();
