import { Cron } from 'croner';
import { expect, test } from 'vitest';
import { makeCronTimes } from '@promethean/pantheon-core/adapter';
import { readCron } from './read-cron.ts';

/** The instants, in UTC, at which an expression is due in the hours after `from`. */
const instants = (expression: string, timezone: string, from: string, hours: number): string[] => {
  const start = Date.parse(from);
  const { next } = makeCronTimes(readCron, expression, timezone, start);
  const found: string[] = [];
  for (
    let time = next(start);
    time !== undefined && time <= start + hours * 3_600_000;
    time = next(time)
  ) {
    found.push(new Date(time).toISOString().slice(5, 16));
  }
  return found;
};

// Berlin: 2026-10-25, 03:00 is followed by 02:00 at 01:00 UTC; 2027-03-28, 02:00 by 03:00 at 01:00 UTC.
const AUTUMN = '2026-10-24T21:30:00Z';
const SPRING = '2027-03-27T22:30:00Z';

test.each([
  ['30 2 * * *', ['10-25T00:30']],
  ['30 2,14 * * *', ['10-25T00:30', '10-25T13:30']],
  ['*/30 2 * * *', ['10-25T00:00', '10-25T00:30']],
  ['0 2-3 * * *', ['10-25T00:00', '10-25T02:00']],
  ['0 */8 * * *', ['10-24T22:00', '10-25T07:00', '10-25T15:00']],
  ['0 30 2 * * *', ['10-25T00:30']],
])('in autumn, %s runs a time that exists twice once', (expression, expected) => {
  expect(instants(expression, 'Europe/Berlin', AUTUMN, 20)).toEqual(expected);
});

test.each([
  ['30 2 * * *', ['03-28T01:00']],
  ['30 2,14 * * *', ['03-28T01:00', '03-28T12:30']],
  ['*/20 2 * * *', ['03-28T01:00']],
  ['* 2 * * *', ['03-28T01:00']],
  ['0 2-3 * * *', ['03-28T01:00']],
  ['0 */2 * * *', ['03-27T23:00', '03-28T01:00', '03-28T02:00', '03-28T04:00']],
  ['0 30 2 * * *', ['03-28T01:00']],
])('in spring, %s runs a time that does not exist once, after the gap', (expression, expected) => {
  const hours = expression === '0 */2 * * *' ? 6 : 20;
  expect(instants(expression, 'Europe/Berlin', SPRING, hours)).toEqual(expected);
});

test.each([
  ['30 1 * * *', '2026-10-31T12:00:00Z', ['11-01T05:30']],
  [
    '*/15 1 * * *',
    '2026-10-31T12:00:00Z',
    ['11-01T05:00', '11-01T05:15', '11-01T05:30', '11-01T05:45'],
  ],
  ['30 2 * * *', '2027-03-13T12:00:00Z', ['03-14T07:00']],
  ['0 2,3 * * *', '2027-03-13T12:00:00Z', ['03-14T07:00']],
])('in New York, %s after %s', (expression, from, expected) => {
  expect(instants(expression, 'America/New_York', from, 24)).toEqual(expected);
});

test.each([
  [
    'a change of half an hour',
    '15 2 * * *',
    'Australia/Lord_Howe',
    '2026-10-02T20:00:00Z',
    ['10-03T15:30'],
  ],
  [
    'a change at midnight',
    '0 0 * * *',
    'America/Santiago',
    '2026-09-05T12:00:00Z',
    ['09-06T04:00'],
  ],
])('%s is followed as well', (_, expression, timezone, from, expected) => {
  expect(instants(expression, timezone, from, 24)).toEqual(expected);
});

test.each([
  ['0 * * * *', 7],
  ['@hourly', 7],
  ['*/15 * * * *', 28],
  ['0 0 * * * *', 7],
])('%s runs by elapsed time through both changes, without a silent hour', (expression, count) => {
  for (const from of ['2026-10-24T22:30:00Z', '2027-03-27T22:30:00Z']) {
    expect(instants(expression, 'Europe/Berlin', from, 7)).toHaveLength(count);
  }
});

test.each([
  '*/7 3 * * *',
  '5-20/5,40,50-52 1,*/6 * * *',
  '? 2-22/3 * * *',
  '*/15 10-50/20 5 * * *',
  '* * 23 1 JAN *',
  '0 12 * * MON-FRI',
  '0 0 L * *',
])('where no clock changes, %s runs when croner itself runs it', (expression) => {
  const start = Date.UTC(2026, 0, 1);
  const { next } = makeCronTimes(readCron, expression, 'UTC', start);
  const ours: number[] = [];
  for (let time = next(start); time !== undefined && ours.length < 100; time = next(time)) {
    ours.push(time);
  }
  const cron = new Cron(expression, { timezone: 'UTC', paused: true });
  expect(ours).toEqual(cron.nextRuns(100, new Date(start)).map((date) => date.getTime()));
});

test.each([
  ['nothing', ''],
  ['words', 'every day'],
  ['a minute out of range', '61 * * * *'],
  ['a step of nothing', '*/0 * * * *'],
  ['four fields', '* * * *'],
  ['seven fields', '* * * * * * *'],
  ['a date', '2027-05-01T00:00:00'],
  ['@reboot', '@reboot'],
  ['a time that never comes', '0 0 30 2 *'],
  ['an endless text', `${'1,'.repeat(500_000)}1 * * * *`],
  ['a number', 5],
  ['null', null],
])('%s is refused with option-invalid that names the expression', (_, expression) => {
  expect(() => makeCronTimes(readCron, expression as string, 'UTC', 0)).toThrow(
    expect.objectContaining({
      code: 'option-invalid',
      message: expect.stringContaining(JSON.stringify(String(expression).slice(0, 100))) as string,
    }),
  );
});

test.each(['', 'Mars/Olympus', 'Europe/Berlin\n', 'local'])(
  'the zone %j is refused',
  (timezone) => {
    expect(() => makeCronTimes(readCron, '* * * * *', timezone, 0)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(JSON.stringify(timezone)) as string,
      }),
    );
  },
);
