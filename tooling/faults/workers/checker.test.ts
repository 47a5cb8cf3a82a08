/** That the checker sees each thing that must not be. */
import { expect, test } from 'vitest';
import { check, type Evidence } from './checker.ts';
import type { Call } from './counter.ts';
import type { HistoryLine } from './history.ts';
import { EFFECTS } from './settings.ts';

const call = (kind: Call['kind'], at: number, more: Partial<Call> = {}): Call => ({
  kind,
  at,
  worker: 'w1',
  actor: 'ada',
  order: 'o1',
  what: '',
  key: '',
  holdMs: 0,
  isOverlapping: false,
  ...more,
});
const line = (event: HistoryLine['event'], at: number, worker = 'w1'): HistoryLine => ({
  event,
  at,
  worker,
  actor: 'ada',
  tick: 't1',
  order: 'o1',
});
const effects = EFFECTS.map((what, n) => call('effect', 3 + n, { what, key: `t1/${what}` }));

const good: Evidence = {
  orders: ['o1'],
  calls: [call('plan', 1), ...effects],
  history: [line('began', 0), line('planned', 2), line('ended', 9)],
  deaths: new Map(),
  answers: ['o1'],
};

test('a run without a fault has nothing to report', () => {
  expect(check(good)).toEqual({
    effects: 3,
    lost: 0,
    duplicated: 0,
    overlaps: 0,
    paidTwice: 0,
    plannedAgain: 0,
    repeatedCalls: 0,
    wrongAnswers: 0,
    interrupted: 0,
  });
});

test.for<[string, Partial<Evidence>, object]>([
  ['an effect that is missing', { calls: good.calls.slice(0, -1) }, { lost: 1 }],
  [
    'an effect with another key',
    { calls: [...good.calls, { ...effects[0]!, key: 't2/charge' }] },
    { duplicated: 1, repeatedCalls: 0 },
  ],
  [
    'a call that is repeated with its key',
    { calls: [...good.calls, effects[0]!] },
    { duplicated: 0, repeatedCalls: 1 },
  ],
  [
    'a plan after one was recorded',
    { calls: [...good.calls, call('plan', 5)] },
    { paidTwice: 1, plannedAgain: 1 },
  ],
  [
    'a plan before one was recorded',
    { calls: [...good.calls, call('plan', 1.5)] },
    { paidTwice: 0, plannedAgain: 1 },
  ],
  [
    'two workers with one actor',
    { history: [...good.history, line('began', 5, 'w2'), line('ended', 6, 'w2')] },
    { overlaps: 1 },
  ],
  [
    'a worker that goes on after the death of another',
    {
      history: [line('began', 0), line('began', 5, 'w2'), line('ended', 6, 'w2')],
      deaths: new Map([['w1', 4]]),
    },
    { overlaps: 0, interrupted: 1 },
  ],
  [
    'a worker that goes on before the death of another',
    {
      history: [line('began', 0), line('began', 5, 'w2'), line('ended', 6, 'w2')],
      deaths: new Map([['w1', 5.5]]),
    },
    { overlaps: 1, interrupted: 1 },
  ],
  [
    'a call during a call of another worker',
    { calls: [call('plan', 1), effects[0]!, { ...effects[1]!, isOverlapping: true }, effects[2]!] },
    { overlaps: 1 },
  ],
  ['an answer that is missing', { answers: [] }, { wrongAnswers: 1 }],
  ['an answer that came twice', { answers: ['o1', 'o1'] }, { wrongAnswers: 1 }],
])('it sees %s', ([, change, expected]) => {
  expect(check({ ...good, ...change })).toMatchObject(expected);
});
