import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { startProxy } from './index.ts';
import { describeWithPostgresServer, describeWithRedisServer } from './vitest.ts';

/** What a server answers to a line. */
const ask = (port: number, line: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(line));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.removeAllListeners('close').destroy();
    });
  });

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describeWithRedisServer('a private Redis', (redis) => {
  test('answers, can be killed and comes back on its port', async () => {
    expect(await ask(redis().port, 'PING\r\n')).toBe('+PONG\r\n');
    await redis().kill();
    await expect(ask(redis().port, 'PING\r\n')).rejects.toThrow(/ECONNREFUSED/);
    await redis().start();
    expect(await ask(redis().port, 'PING\r\n')).toBe('+PONG\r\n');
  });

  test('ends with a process that is killed', async () => {
    const code =
      "import { startRedis } from '@promethean/services'; const { pid } = await startRedis(); console.log(pid());";
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (data) => resolve(Number(String(data)))),
    );
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000);
  });

  test('is cut off and slowed down by a proxy', async () => {
    const proxy = await startProxy(redis().port);
    try {
      expect(await ask(proxy.port, 'PING\r\n')).toBe('+PONG\r\n');
      proxy.set({ kind: 'trickle', bytesPerSecond: 100 });
      expect((await ask(proxy.port, 'PING\r\n')).length).toBeLessThan(7);
      await vi.waitFor(() => expect(proxy.connections()).toBe(0), 10_000);
      proxy.set({ kind: 'blackhole' });
      const silent = ask(proxy.port, 'PING\r\n');
      await vi.waitFor(() => expect(proxy.connections()).toBe(1), 10_000);
      proxy.cut();
      await expect(silent).rejects.toThrow(/ECONNRESET|closed/);
    } finally {
      await proxy.close();
    }
  });
});

describeWithPostgresServer('a private PostgreSQL', (postgres) => {
  test('answers, survives a crash and comes back on its port', async () => {
    // A request for TLS: one byte says yes or no.
    const request = '\0\0\0\b\x04\xd2\x16/';
    const bytes = (): string => Buffer.from(request, 'latin1').toString('latin1');
    const answer = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(postgres().port, '127.0.0.1', () => socket.write(bytes(), 'latin1'));
        socket.once('error', reject);
        socket.once('data', (data) => {
          socket.destroy();
          resolve(data.toString());
        });
      });
    expect(await answer()).toMatch(/^[SN]$/);
    await postgres().crash();
    await expect(answer()).rejects.toThrow(/ECONNREFUSED/);
    await postgres().start();
    expect(await answer()).toMatch(/^[SN]$/);
  });
});
