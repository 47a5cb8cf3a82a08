/**
 * The process of the registry: `node verdaccio-process.mjs INSTALLED CONFIG`, started with a channel to its parent. Tells the
 * port, and ends with the parent, however that ends.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [, , installed, config] = process.argv;
process.on('disconnect', () => process.exit(0));
const { runServer } = createRequire(join(installed, 'package.json'))('verdaccio');
const server = await runServer(config);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
