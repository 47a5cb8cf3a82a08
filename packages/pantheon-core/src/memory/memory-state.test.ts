import { describe, expect, test } from 'vitest';
import type { ActorPatch } from '../core/ports.ts';
import type { ActorScript } from '../core/types.ts';
import { makeMemoryState } from './memory-state.ts';

const script: ActorScript = { name: 'clerk', contextSources: [], talents: [] };
const code = (expected: string): object => expect.objectContaining({ code: expected });

describe('an id', () => {
  test('is made of the start of the port and a counter, and steps over one that is taken', async () => {
    const state = makeMemoryState({ now: () => 36 });
    await state.spawn(script, 'wait', { id: 'a-10-2' });
    const actors = [await state.spawn(script, 'wait'), await state.spawn(script, 'wait')];
    expect(actors.map(({ id }) => id)).toEqual(['a-10-1', 'a-10-3']);
  });

  test('comes from newId where there is one', async () => {
    let count = 0;
    const state = makeMemoryState({ newId: () => `clerk-${(count += 1)}` });
    expect((await state.spawn(script, 'wait')).id).toBe('clerk-1');
  });

  test.each(['', 'a\nb', 'x'.repeat(257), '\ud800', 7 as never])('%j is refused', async (id) => {
    const state = makeMemoryState();
    await expect(state.spawn(script, 'wait', { id })).rejects.toMatchObject({
      code: 'actor-invalid',
    });
    await expect(state.spawn(script, 'wait', { parentId: id })).rejects.toMatchObject({
      code: 'actor-invalid',
    });
    expect(await state.list()).toEqual([]);
  });
});

describe('spawn', () => {
  test.each([
    ['no script', undefined, 'wait', {}],
    ['a script without a name', {}, 'wait', {}],
    ['a goal that is no text', script, 7, {}],
    ['metadata that are no JSON', script, 'wait', { metadata: { f: () => 1 } }],
    ['metadata that are a list', script, 'wait', { metadata: [] }],
  ])('refuses %s', async (_, badScript, goal, options) => {
    const state = makeMemoryState();
    await expect(
      state.spawn(badScript as never, goal as never, options as never),
    ).rejects.toMatchObject({
      code: 'actor-invalid',
    });
    expect(await state.list()).toEqual([]);
  });

  test('shares the script and copies the rest', async () => {
    const state = makeMemoryState();
    const actor = await state.spawn(script, 'wait', { metadata: { a: 1 } });
    expect(actor.script).toBe(script);
    expect(Object.getPrototypeOf(actor.metadata)).toBeNull();
    expect((await state.get(actor.id))?.metadata).not.toBe(actor.metadata);
  });
});

describe('a patch', () => {
  test.each<readonly [string, unknown]>([
    ['version', { version: 7 }],
    ['id', { id: 'other' }],
    ['a state that is none', { state: 'asleep' }],
    ['goals that are no list', { goals: 'read' }],
    ['a goal that is no text', { goals: ['read', 7] }],
    ['metadata that are no object', { metadata: 'text' }],
    ['metadata that are null', { metadata: null }],
    ['metadata that are no JSON', { metadata: { at: new Date(0) } }],
    ['nothing', null],
  ])('with %s is refused, and nothing changes', async (_, patch) => {
    const state = makeMemoryState();
    const before = await state.spawn(script, 'wait', { id: 'ada', metadata: { a: 1 } });
    await expect(state.update('ada', patch as ActorPatch)).rejects.toMatchObject({
      code: 'action-invalid',
    });
    expect(await state.get('ada')).toEqual(before);
  });

  test('names the path of what it refuses', async () => {
    const state = makeMemoryState();
    await state.spawn(script, 'wait', { id: 'ada' });
    await expect(state.update('ada', { metadata: { a: { b: [1, Number.NaN] } } })).rejects.toThrow(
      'patch.metadata.a.b[1]',
    );
  });

  test('with members that are undefined leaves them as they are', async () => {
    const state = makeMemoryState();
    await state.spawn(script, 'wait', { id: 'ada', metadata: { a: 1 } });
    const patch = {
      goals: undefined,
      state: undefined,
      metadata: undefined,
    } as unknown as ActorPatch;
    expect(await state.update('ada', patch)).toMatchObject({
      goals: ['wait'],
      state: 'idle',
      metadata: { a: 1 },
      version: 2,
    });
  });
});

describe('list', () => {
  test('by parent does not depend on how many other actors there are', async () => {
    const state = makeMemoryState();
    for (let n = 0; n < 1_000; n += 1)
      await state.spawn(script, 'wait', { id: `${n}`, parentId: `${n % 500}` });
    expect((await state.list({ parentId: '7' })).map(({ id }) => id)).toEqual(['7', '507']);
    await state.remove('7');
    await state.remove('507');
    expect(await state.list({ parentId: '7' })).toEqual([]);
  });
});

test('an update that conflicts tells the version that is there, and can be tried again', async () => {
  const state = makeMemoryState();
  await state.spawn(script, 'wait', { id: 'ada' });
  await expect(state.update('ada', {}, { expectedVersion: 5 })).rejects.toThrow(
    code('state-conflict'),
  );
  await expect(state.update('ada', {}, { expectedVersion: 5 })).rejects.toMatchObject({
    retryable: true,
    details: { expectedVersion: 5, version: 1 },
  });
});
