import type { ReadCron } from '@promethean/pantheon-core/adapter';
import { Cron } from 'croner';

/** Expressions of five fields, or six with seconds first, as croner reads them. */
export const readCron: ReadCron = (expression, timezone) =>
  new Cron(expression, {
    timezone,
    paused: true,
    mode: '5-or-6-parts',
    fixedTimeRule: 'no-wildcard',
  });
