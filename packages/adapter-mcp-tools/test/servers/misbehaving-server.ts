/**
 * A stdio server that misbehaves as its first argument says; without one it serves the tool `echo`. Written on the bare protocol, so
 * that it can break every rule.
 */
import { spawn } from 'node:child_process';
import { writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [mode = '', file = ''] = process.argv.slice(2);

const say = (message: unknown): void => {
  writeSync(1, `${JSON.stringify(message)}\n`);
};

/** Writes all of it, however slowly it is read. */
const pour = (fd: number, chunk: Buffer, times: number): void => {
  for (let written = 0; written < times;) {
    try {
      writeSync(fd, chunk);
      written += 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
};

const MEGABYTE = Buffer.alloc(1_048_576, 0x78);

if (mode === 'exit') {
  process.stderr.write(`cannot open the database: token ${process.env['TOKEN']} was refused\n`);
  process.exit(1);
}
if (mode === 'garbage') {
  setInterval(() => writeSync(1, 'Welcome to my server!\n'), 20);
}
if (mode === 'ignore-term' || mode === 'grandchild') {
  if (mode === 'ignore-term') process.on('SIGTERM', () => undefined);
  const deaf = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);`;
  const calm = 'setInterval(() => undefined, 1000);';
  const child = spawn(process.execPath, ['--eval', mode === 'ignore-term' ? deaf : calm], {
    stdio: 'inherit',
  });
  writeFileSync(file, JSON.stringify([process.pid, child.pid]));
  // Not even the end of its input ends it.
  setInterval(() => undefined, 1000);
}
if (mode === 'stderr-flood') pour(2, MEGABYTE, 100);

const tools = [
  {
    name: 'echo',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  },
];

let calls = 0;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (mode === 'hang' || mode === 'garbage') return;
  const { id, method, params } = JSON.parse(line) as {
    id?: number;
    method: string;
    params: { arguments?: Record<string, unknown> };
  };
  if (method === 'initialize') {
    const capabilities = { tools: { listChanged: true } };
    const serverInfo = { name: 'misbehaving', version: '1' };
    say({
      jsonrpc: '2.0',
      id,
      result: { protocolVersion: '2025-06-18', capabilities, serverInfo },
    });
  }
  if (method === 'tools/list') say({ jsonrpc: '2.0', id, result: { tools } });
  if (method !== 'tools/call') return;
  calls += 1;
  if (mode === 'long-line') pour(1, MEGABYTE, 1_024);
  if (mode === 'count-and-die') {
    writeFileSync(file, 'x', { flag: 'a' });
    process.exit(7);
  }
  const text = JSON.stringify({
    ...params.arguments,
    calls,
    env: Object.keys(process.env).toSorted(),
  });
  say({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
});
