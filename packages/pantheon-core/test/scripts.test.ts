import {
  defineScript,
  isAction,
  isActor,
  isMessage,
  makeActorFactory,
} from '@promethean/pantheon-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, makeDesk, say, script } from './desk.ts';

describe('makeActorFactory', () => {
  test('makes behaviors, talents and actors with ids of their own', () => {
    const { createBehavior, createTalent, createActor } = makeActorFactory();
    const greet = createBehavior('greet', 'active', () => ({ actions: [] }), {
      description: 'says hello',
    });
    const talent = createTalent('manners', [greet]);
    const host = { name: 'host', contextSources: [], talents: [talent] };
    expect(greet).toMatchObject({ name: 'greet', mode: 'active', description: 'says hello' });
    expect([createActor(host, ['a']), createActor(host, ['b'])]).toEqual([
      { id: 'host-1', script: host, goals: ['a'] },
      { id: 'host-2', script: host, goals: ['b'] },
    ]);
    expect(() => createActor({ name: 'x' } as never, [])).toThrow(
      'actor.script.contextSources must be a list',
    );
  });
});

describe('defineScript', () => {
  test('returns the script, typed and frozen, and names what is wrong', () => {
    const made = defineScript({ name: 'literal', contextSources: [], talents: [] });
    expect(made.name satisfies 'literal').toBe('literal');
    expect(Object.isFrozen(made)).toBe(true);
    const twins = [behavior('twin', 'active', []), behavior('twin', 'passive', [])];
    expect(() => defineScript(script(twins))).toThrow('script tester has two behaviors named twin');
    expect(() => defineScript({ name: '' } as never)).toThrow('actor.script.name');
    expect(() => defineScript(script([], { mailbox: { capacity: 0 } }))).toThrow(
      'script.mailbox.capacity',
    );
  });
});

describe('type guards', () => {
  test('tell actors, actions and messages', () => {
    expect(
      [actorOf([]), say('x'), { role: 'user', content: '' }].map((value) => [
        isActor(value),
        isAction(value),
        isMessage(value),
      ]),
    ).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  test('never throw and never pollute, whatever they are shown', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }),
        (value) => {
          for (const guard of [isActor, isAction, isMessage]) guard(value);
          isAction({ type: 'tool', name: 'x', args: value });
          isAction({ type: 'message', content: value, target: value });
        },
      ),
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('arguments nested too deep, or too many, are refused quickly', () => {
    const nested = (depth: number): unknown =>
      JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    expect(isAction({ type: 'tool', name: 'x', args: nested(64) })).toBe(true);
    expect(isAction({ type: 'tool', name: 'x', args: nested(65) })).toBe(false);
    expect(isAction({ type: 'tool', name: 'x', args: nested(5_000) })).toBe(false);
    expect(isAction({ type: 'tool', name: 'x', args: { list: Array(10_001).fill(0) } })).toBe(
      false,
    );
  });
});

declare module '@promethean/pantheon-core' {
  interface ActionTypes {
    page: { readonly type: 'page'; readonly reason: string };
  }
}

describe('action types of an application', () => {
  test('run through their handler with the actor and a signal; unregistered ones are invalid', async () => {
    const calls: unknown[] = [];
    const { orchestrator } = makeDesk({
      options: {
        actions: {
          page: (action, { actor, actionId, signal }) => {
            action.reason satisfies string;
            calls.push({ action, actor: actor.id, actionId, aborted: signal.aborted });
            return 'paged';
          },
        },
      },
    });
    const page = { type: 'page', reason: 'fire' } as const;
    const report = await orchestrator.tickActor(
      actorOf([behavior('alarm', 'persistent', [page, { type: 'constructor' } as never])]),
    );
    expect(report.outcomes.map(({ status, value }) => [status, value])).toEqual([
      ['ok', 'paged'],
      ['invalid', undefined],
    ]);
    expect(calls).toEqual([
      { action: page, actor: 'ada', actionId: report.outcomes[0]?.id, aborted: false },
    ]);
  });
});
