/**
 * Imported ahead of an example: when the example ends, the lines of the assertions that it has reached are in the file that
 * REACHED_FILE names, and the assertion in the line BROKEN_LINE fails whatever it says.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

const { REACHED_FILE = '', BROKEN_LINE } = process.env;
const reached = new Set<number>();

/** The line of the example that the present call comes from; undefined for a call by somebody else. */
const callingLine = (): number | undefined => {
  const [, , , caller = ''] = (new Error('where').stack ?? '').split('\n');
  const line = /examples\/[\w-]+\.ts:(\d+)/.exec(caller)?.[1];
  return line === undefined ? undefined : Number(line);
};

const checks = assert as unknown as Record<string, (...given: unknown[]) => unknown>;
for (const name of ['ok', 'equal', 'notEqual', 'deepEqual', 'rejects']) {
  const check = checks[name] as (...given: unknown[]) => unknown;
  checks[name] = (...given) => {
    const line = callingLine();
    if (line !== undefined) reached.add(line);
    if (line === Number(BROKEN_LINE)) throw new Error('an assertion that does not hold');
    return check(...given);
  };
}
// A process that an example starts has an argument, and nothing to assert.
if (process.argv.length === 2)
  process.on('exit', () => writeFileSync(REACHED_FILE, JSON.stringify([...reached])));
