/**
 * Approvals: a model asks for calls that a person has to allow, one by one.
 * To see: the tick waits; one call is granted and made, one is denied and told to the model with the reason; a third one still
 * waits when the program ends, and is granted by the next program, which has nothing but the files of the first.
 * The model is scripted here, so that the example needs no key.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineScript, defineTool, makeLlmBehavior, makePantheon } from '@promethean/pantheon';
import type { Message } from '@promethean/pantheon';
import { makeScriptedLlm } from '@promethean/pantheon-core/memory';
import type { ScriptedLlm } from '@promethean/pantheon-core/memory';
import { z } from 'zod';

const refunded: number[] = [];
const refund = defineTool({
  name: 'refund',
  description: 'Pays an order back.',
  input: z.object({ order: z.number(), euros: z.number() }),
  sideEffect: 'destructive',
  approval: ({ args }) => !(Number(args['euros']) <= 50), // Small sums need no approval.
  run: ({ order, euros }) => {
    refunded.push(order);
    return `${euros} euros for order ${order} are on their way`;
  },
});

const clerk = defineScript({
  name: 'clerk',
  contextSources: [],
  talents: [{ name: 'desk', behaviors: [makeLlmBehavior()] }],
  permissions: { tools: ['refund'] }, // What is destructive must be permitted by name, besides.
});

const folder = mkdtempSync(join(tmpdir(), 'pantheon-approvals-'));
const program = (llm: ScriptedLlm) =>
  makePantheon({
    actors: [{ script: clerk, goals: ['help customers'] }],
    tools: [refund],
    llm,
    state: { file: join(folder, 'actors.db') },
    journal: { file: join(folder, 'journal.db') }, // Keeps what waits.
    log: false, // It would tell of calls that wait and that are denied.
  });
const asks = (...orders: readonly { order: number; euros: number }[]): Message => ({
  role: 'assistant',
  content: '',
  toolCalls: orders.map((args) => ({ id: `call-${args.order}`, name: 'refund', args })),
});

// The first program.
const model = makeScriptedLlm([
  asks({ order: 1, euros: 20 }, { order: 2, euros: 80 }, { order: 3, euros: 900 }),
  'Orders 1 and 2 are paid back, order 3 is not.',
  asks({ order: 4, euros: 60 }),
]);
const first = program(model);
await first.start();
const { approvals, deliver } = first.orchestrator;
console.log('tick:', (await deliver('clerk', 'Orders 1, 2 and 3 came broken.')).status);
assert.deepEqual(refunded, [1]);

// Here a person would be shown the arguments. The digest says which call was looked at.
const [small, large] = await approvals.list();
assert.ok(small !== undefined && large !== undefined);
console.log('waiting:', small.args, large.args);
const denied = await approvals.deny(large.id, { by: 'ada', reason: 'order 3 was never paid' });
assert.equal(await denied.ended, undefined); // An earlier call of the same plan still waits.
const granted = await approvals.grant(small.id, { digest: small.digest, by: 'ada' });
const report = await granted.ended;
console.log('tick:', report?.status, report?.outcomes.map(({ status }) => status).join(', '));
assert.deepEqual(refunded, [1, 2]);
assert.equal(report?.outcomes[2]?.error?.code, 'approval-denied');
const told = model.calls[1]?.messages.at(-1)?.content;
console.log('the model was told:', told);
assert.ok(told?.includes('order 3 was never paid'));

await deliver('clerk', 'Order 4 as well.');
await first.stop();

// The second program. Its model is not asked again for what the first one's has planned.
const second = program(makeScriptedLlm(['Order 4 is paid back.']));
await second.start();
const [waiting] = await second.orchestrator.approvals.list();
assert.ok(waiting !== undefined);
assert.deepEqual(waiting.args, { order: 4, euros: 60 });
const { id, digest } = waiting;
await assert.rejects(second.orchestrator.approvals.grant(id, { digest: 'of another call' }), {
  code: 'approval-conflict',
});
const decided = await second.orchestrator.approvals.grant(id, { digest, by: 'grace' });
const answer = (await decided.ended)?.outcomes.at(-1)?.action;
console.log('after the restart:', answer);
assert.equal(answer?.type === 'message' && answer.content, 'Order 4 is paid back.');
assert.deepEqual(refunded, [1, 2, 4]);
await second.stop();
rmSync(folder, { recursive: true });
