import type { IToolPort } from '@promethean/pantheon-core';
import { makeMcpTools, type McpServer } from './index.ts';

const url = 'https://example.com/mcp';

makeMcpTools({ servers: {} }) satisfies IToolPort;
makeMcpTools({
  servers: {
    files: { command: 'node', args: ['server.js'], env: { ROOT: '/' }, cwd: '/' },
    web: { url, headers: { authorization: 'Bearer x' } },
  },
  allow: ['files__*'],
  tools: {
    files__read: { sideEffect: 'none', idempotent: true, timeoutMs: 1, maxResultBytes: 256 },
  },
  pin: { files: 'sha256-x' },
  onChange: ({ server, disabled }) => {
    server satisfies string;
    disabled satisfies readonly string[];
  },
});

// @ts-expect-error The servers are required.
makeMcpTools({});
// @ts-expect-error Neither a command nor an address.
({ args: [] }) satisfies McpServer;
// @ts-expect-error A command line is no list of arguments.
({ command: 'node', args: 'server.js' }) satisfies McpServer;
// @ts-expect-error No such class of side effects.
makeMcpTools({ servers: {}, tools: { a__b: { sideEffect: 'reads' } } });
// @ts-expect-error No such option.
makeMcpTools({ servers: {}, shell: true });
