import { importSuite, makeManualTimers, toolsSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeFunctionTools } from './index.ts';

describeContract('makeFunctionTools keeps the contract of IToolPort', toolsSuite, () => {
  const timers = makeManualTimers();
  const tools = makeFunctionTools({ timers });
  return {
    tools,
    advance: timers.advance,
    pending: timers.pending,
    supports: ['list', 'close'],
    close: () => tools.close(),
  };
});

describeContract('the import of adapter-function-tools', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
