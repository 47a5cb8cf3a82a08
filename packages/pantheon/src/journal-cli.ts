#!/usr/bin/env node
/** The command `pantheon-journal`. What it does is in show-journal.ts. */
import { quiet } from './quiet.ts';

quiet();
const { runJournalCommand } = await import('./show-journal.ts');
process.exit(await runJournalCommand(process.argv.slice(2)));
