/** A process of a test: counts the actor `ada` of a file up, each time on the version that it read. */
import { once } from 'node:events';
import { PantheonError } from '@promethean/pantheon-core';
import { makeSqliteState } from '../src/index.ts';
import { clerk } from './script.ts';

const [path = '', increments = '0'] = process.argv.slice(2);
const state = makeSqliteState({ path, scripts: [clerk] });
const tell = (message: unknown): void => void process.send?.(message);

tell('waiting');
await once(process, 'message');
await state.spawn(clerk, 'count', { id: 'ada', metadata: { count: 0 } });
let conflicts = 0;
let acknowledged = 0;
while (acknowledged < Number(increments)) {
  const ada = await state.get('ada');
  const count = Number(ada?.metadata?.['count']) + 1;
  // Between reading and writing, the other process gets its turn.
  await new Promise(setImmediate);
  try {
    await state.update('ada', { metadata: { count } }, { expectedVersion: ada?.version });
    acknowledged += 1;
    tell(acknowledged);
  } catch (error) {
    if (!PantheonError.is(error, 'state-conflict')) throw error;
    conflicts += 1;
  }
}
await state.close();
tell({ acknowledged, conflicts });
process.disconnect();
