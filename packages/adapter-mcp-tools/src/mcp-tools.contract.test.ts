import { importSuite, makeManualTimers, toolsSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeRemoteHarness, remoteToolsSuite } from '../test/remote-harness.ts';
import { startBridge } from '../test/servers/bridge.ts';
import { startModernServer } from '../test/servers/http-servers.ts';
import { makeMcpTools } from './index.ts';

describeContract('makeMcpTools keeps the contract of IToolPort for local tools', toolsSuite, () => {
  const timers = makeManualTimers();
  const tools = makeMcpTools({ servers: {}, timers });
  return {
    tools,
    advance: timers.advance,
    pending: timers.pending,
    supports: ['list', 'close'],
    close: () => tools.close(),
  };
});

describeContract('makeMcpTools keeps the contract over HTTP', remoteToolsSuite, () =>
  makeRemoteHarness(async (host) => {
    const { url, changed, close } = await startModernServer(host);
    return { server: { url }, changed, close };
  }),
);

describeContract('makeMcpTools keeps the contract over stdio', remoteToolsSuite, () =>
  makeRemoteHarness(startBridge),
);

describeContract('the import of adapter-mcp-tools', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
