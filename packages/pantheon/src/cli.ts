#!/usr/bin/env node
/** The command `pantheon`. What it does is in command-line.ts. */
import { quiet } from './quiet.ts';

quiet();
const { runCommand } = await import('./command-line.ts');
process.exit(await runCommand(process.argv.slice(2)));
