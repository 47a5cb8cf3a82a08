import { importSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';

describeContract('the import of adapter-pino-log', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: [
    '--conditions=@promethean/source',
    // Under pino, node:assert looks at the process's own standard error. So that this is not taken for something opened:
    '--import=data:text/javascript,process.stderr',
  ],
}));
