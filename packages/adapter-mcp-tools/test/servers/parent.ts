/** A process that uses a stdio server and is killed by the test. Arguments: the server's script and its arguments. */
import { makeMcpTools } from '../../src/index.ts';

const tools = makeMcpTools({
  servers: { victim: { command: process.execPath, args: process.argv.slice(2) } },
});
await tools.ready();
process.stdout.write('ready\n');
