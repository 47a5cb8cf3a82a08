import type { Log } from '@promethean/pantheon-core';
import { pino } from 'pino';
import { makePinoLog } from './index.ts';

makePinoLog() satisfies Log;
const log = makePinoLog({
  level: 'debug',
  destination: process.stderr,
  secrets: () => ['a-secret'],
});
log('message');
log('message', { any: 'thing' });
void log.flush().then(() => log.close());
makePinoLog({ logger: pino() }).logger.info('message');

// @ts-expect-error A message is a text.
log({ message: 'message' });
// @ts-expect-error No such level.
makePinoLog({ level: 'loud' });
// @ts-expect-error A list, or a function that gives one.
makePinoLog({ secrets: 'a-secret' });
// @ts-expect-error No such option.
makePinoLog({ redact: ['a'] });
