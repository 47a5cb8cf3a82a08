#!/usr/bin/env node
/** The command `pantheon`. What it does is in command-line.ts. */
import { endAtOnceOnSignal } from './early-signals.ts';
import { quiet } from './quiet.ts';

endAtOnceOnSignal();
quiet();
// Whoever read what is written has gone. That is no error of the command; what has to end because of it listens itself.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
const { runCommand } = await import('./command-line.ts');
process.exit(await runCommand(process.argv.slice(2)));
