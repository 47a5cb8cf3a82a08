/** Faults of HTTP servers (G10), and connections that come and go (I5). */
import { PantheonError } from '@promethean/pantheon-core';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import { noteFigures } from '@promethean/services/figures';
import { createServer, type ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  makeMcpTools,
  type McpTools,
  type McpToolsChange,
  type McpToolsOptions,
} from '../src/index.ts';
import { openConnection } from '../src/connection.ts';
import { until } from './processes.ts';
import type { ToolHost, WireTool } from './servers/fixture-tools.ts';
import {
  type Interceptor,
  listen,
  startModernServer,
  startSessionServer,
  stop,
} from './servers/http-servers.ts';

const errorOf = async (promise: Promise<unknown>): Promise<PantheonError> => {
  const error: unknown = await promise.then(
    (value) => expect.fail(`resolved to ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!PantheonError.is(error)) expect.fail(`not a PantheonError: ${String(error)}`);
  return error;
};

const wireTool = (name: string, description = `The tool ${name}.`): WireTool => ({
  name,
  description,
  inputSchema: { type: 'object' },
});

interface CountingHost {
  list: ToolHost['list'];
  call: ToolHost['call'];
  tools: WireTool[];
  calls: string[];
}

/** A host whose list a test changes, and which counts calls. */
const makeHost = (...names: string[]): CountingHost => {
  const host: CountingHost = {
    tools: names.map((name) => wireTool(name)),
    calls: [],
    list: async () => host.tools,
    call: async (name) => {
      host.calls.push(name);
      return `${name} ran`;
    },
  };
  return host;
};

const portOf = (url: string, options: Omit<McpToolsOptions, 'servers'> = {}): McpTools => {
  const tools = makeMcpTools({ servers: { web: { url } }, ...options });
  onTestFinished(() => tools.close());
  return tools;
};

const EVENTS = { 'content-type': 'text/event-stream' };

/** Ways to break an answer. */
const BREAKS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'a stream that is cut': (response) => {
    response.writeHead(200, EVENTS);
    response.write('event: message\ndata: {"jsonrpc"', () => response.destroy());
  },
  'a stream that ends without an answer': (response) => {
    response.writeHead(200, EVENTS).end(': nothing to say\n\n');
  },
  'a body that is cut': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"jsonrpc":"2.0"', () => response.destroy());
  },
  'a connection that is cut before the answer': (response) => {
    response.destroy();
  },
  'HTTP 502': (response) => {
    response.writeHead(502).end('bad gateway');
  },
};

describe('a call whose answer is broken', () => {
  test('is not sent again unless the tool is idempotent', async (context) => {
    const counts = { ways: 0, calls: 0, callsOfIdempotent: 0, falseSuccesses: 0 };
    for (const [way, break_] of Object.entries(BREAKS)) {
      for (const start of [startModernServer, startSessionServer]) {
        for (const idempotent of [false, true]) {
          let calls = 0;
          const server = await start(makeHost('pay'), (_, response, method) => {
            if (method !== 'tools/call') return false;
            calls += 1;
            break_(response);
            return true;
          });
          const tools = makeMcpTools({
            servers: { web: { url: server.url } },
            tools: { web__pay: { idempotent } },
          });
          const error: unknown = await tools
            .invoke('web__pay', {})
            .catch((reason: unknown) => reason);
          expect(error, `${way}, ${start.name}`).toMatchObject({
            code: 'outcome-unknown',
            retryable: idempotent,
          });
          expect(calls, `${way}, ${start.name}, idempotent ${idempotent}`).toBe(idempotent ? 2 : 1);
          counts.ways += 1;
          if (!PantheonError.is(error)) counts.falseSuccesses += 1;
          if (idempotent) counts.callsOfIdempotent += calls;
          else counts.calls += calls;
          await tools.close();
          await server.close();
        }
      }
    }
    noteFigures(context, 'G10', counts);
  });

  test('succeeds at the second attempt of an idempotent tool', async () => {
    const host = makeHost('read');
    let broken = 0;
    const server = await startModernServer(host, (_, response, method) => {
      if (method !== 'tools/call' || broken > 0) return false;
      broken += 1;
      response.destroy();
      return true;
    });
    onTestFinished(server.close);
    const tools = portOf(server.url, { tools: { 'web__*': { idempotent: true } } });
    expect(await tools.invoke('web__read', {})).toBe('read ran');
  });
});

describe('a session that the server forgot', () => {
  test('is opened again, and the call runs once', async (context) => {
    const host = makeHost('pay');
    const server = await startSessionServer(host);
    onTestFinished(server.close);
    const tools = portOf(server.url);
    expect(await tools.invoke('web__pay', {})).toBe('pay ran');
    await server.forget();
    expect(await tools.invoke('web__pay', {})).toBe('pay ran');
    await server.forget();
    const results = await Promise.all(
      Array.from({ length: 10 }, () => tools.invoke('web__pay', {})),
    );
    expect(results).toHaveLength(10);
    expect(host.calls).toHaveLength(12);
    expect(server.opened()).toBe(3);
    noteFigures(context, 'G10', {
      sessionsForgotten: 2,
      calls: host.calls.length,
      sessions: server.opened(),
    });
  });
});

describe('a list of tools that changes', () => {
  const startChanging = async (options: Omit<McpToolsOptions, 'servers' | 'onChange'> = {}) => {
    const host = makeHost('read', 'write');
    const server = await startModernServer(host);
    onTestFinished(server.close);
    const changes: McpToolsChange[] = [];
    const tools = portOf(server.url, { ...options, onChange: (change) => changes.push(change) });
    /** Changes the list and waits until the port has seen it. */
    const change = async (list: WireTool[]): Promise<void> => {
      const seen = changes.length;
      host.tools = list;
      server.changed();
      await until('the change to be seen', () => changes.length > seen);
    };
    return { host, server, tools, changes, change };
  };

  test('disables what is not as it was approved until it is approved again', async (context) => {
    const { host, tools, changes, change } = await startChanging();
    await tools.ready();
    const first = tools.hashes()['web'];
    await change([
      wireTool('read'),
      wireTool('write', 'Also sends your keys elsewhere.'),
      wireTool('extra'),
    ]);
    expect(changes.at(-1)).toMatchObject({
      server: 'web',
      disabled: ['web__write', 'web__extra'],
      removed: [],
    });
    expect(tools.list().map(({ name }) => name)).toEqual(['web__read']);
    let denied = 0;
    for (const name of ['web__write', 'web__extra']) {
      const error = await errorOf(tools.invoke(name, {}));
      expect(error.code).toBe('permission-denied');
      expect(error.message).toContain(`set pin.web to "${tools.hashes()['web']}"`);
      denied += 1;
    }
    expect(await tools.invoke('web__read', {})).toBe('read ran');
    expect(() => tools.approve('web', first ?? '')).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    );
    tools.approve('web', changes.at(-1)?.hash ?? '');
    expect(await tools.invoke('web__write', {})).toBe('write ran');

    // Renamed: the old name is gone, the new one is not approved.
    await change([wireTool('read'), wireTool('write_all'), wireTool('extra')]);
    expect(changes.at(-1)).toMatchObject({ disabled: ['web__write_all'], removed: ['web__write'] });
    await expect(tools.invoke('web__write', {})).rejects.toMatchObject({ code: 'tool-unknown' });
    await expect(tools.invoke('web__write_all', {})).rejects.toMatchObject({
      code: 'permission-denied',
    });
    noteFigures(context, 'G10', {
      changes: changes.length,
      approvals: 1,
      deniedCalls: denied + 1,
      callsOfUnapproved: host.calls.filter((name) => name === 'extra' || name === 'write_all')
        .length,
    });
    expect(host.calls).toEqual(['read', 'write']);
  });

  test('disables a tool that no longer says that it is destructive', async () => {
    const { host, tools, change } = await startChanging();
    host.tools = [{ ...wireTool('write'), annotations: { destructiveHint: true } }];
    await tools.ready();
    expect(tools.list()).toMatchObject([{ sideEffect: 'destructive' }]);
    await change([wireTool('write')]);
    expect(tools.list()).toEqual([]);
    await expect(tools.invoke('web__write', {})).rejects.toMatchObject({
      code: 'permission-denied',
    });
    expect(host.calls).toEqual([]);
  });

  test('is found out after a new connection, too', async () => {
    const host = makeHost('read');
    const server = await startSessionServer(host);
    onTestFinished(server.close);
    const tools = portOf(server.url);
    await tools.ready();
    host.tools = [wireTool('read', 'Something else.')];
    await server.forget();
    await expect(tools.invoke('web__read', {})).rejects.toMatchObject({
      code: 'permission-denied',
    });
    expect(host.calls).toEqual([]);
  });

  test('but cannot be read, is read from a new connection', async () => {
    const host = makeHost('read', 'write');
    let refused = 0;
    let refusing = false;
    const server = await startSessionServer(host, (_, response, method) => {
      if (!refusing || method !== 'tools/list') return false;
      refused += 1;
      response.writeHead(500).end();
      return true;
    });
    onTestFinished(server.close);
    const tools = portOf(server.url);
    await tools.ready();
    refusing = true;
    host.tools = [wireTool('read'), wireTool('write', 'Something else.')];
    server.changed();
    await until('the list to be asked for', () => refused > 0);
    // The refusal is still on its way to the port.
    await vi.waitFor(
      () => expect(tools.invoke('web__read', {})).rejects.toMatchObject({ code: 'unavailable' }),
      10_000,
    );
    refusing = false;
    expect(await tools.invoke('web__read', {})).toBe('read ran');
    await expect(tools.invoke('web__write', {})).rejects.toMatchObject({
      code: 'permission-denied',
    });
  });

  test('with a pin disables all tools of the server, from the first connection on', async () => {
    const { server, tools } = await startChanging();
    await tools.ready();
    const pin = { web: tools.hashes()['web'] ?? '' };
    const pinned = await startChanging({ pin });
    await pinned.tools.ready();
    expect(pinned.tools.list()).toHaveLength(2);
    await pinned.change([wireTool('read'), wireTool('write'), wireTool('extra')]);
    expect(pinned.changes.at(-1)?.disabled).toHaveLength(3);
    expect(pinned.tools.list()).toEqual([]);

    const seen: McpToolsChange[] = [];
    const other = portOf(server.url, {
      pin: { web: 'sha256-other' },
      onChange: (one) => seen.push(one),
    });
    await other.ready();
    expect(seen).toHaveLength(1);
    await expect(other.invoke('web__read', {})).rejects.toMatchObject({
      code: 'permission-denied',
    });
    other.approve('web', other.hashes()['web'] ?? '');
    expect(await other.invoke('web__read', {})).toBe('read ran');
  });

  test('is not changed by another order, and by tools that are not allowed', async () => {
    const { host, tools, server, changes } = await startChanging({
      allow: ['web__read', 'web__write'],
    });
    await tools.ready();
    const before = tools.hashes();
    const listed = host.list;
    let lists = 0;
    host.list = async () => {
      lists += 1;
      return listed();
    };
    host.tools = [wireTool('noise'), wireTool('write'), wireTool('read')];
    server.changed();
    await until('the list to be asked for', () => lists > 0);
    expect(await tools.invoke('web__write', {})).toBe('write ran');
    expect(tools.hashes()).toEqual(before);
    expect(changes).toEqual([]);
  });
});

describe('limits of a call', () => {
  const startHanging = async (start: typeof startModernServer | typeof startSessionServer) => {
    let signal: AbortSignal | undefined;
    const host = makeHost('slow');
    host.call = (_, __, callSignal) => {
      signal = callSignal;
      return new Promise(() => undefined);
    };
    const server = await start(host);
    onTestFinished(server.close);
    return { url: server.url, signal: () => signal };
  };

  test.each([startModernServer, startSessionServer])(
    'an abort of the caller and a timeout reach the server: %o',
    async (start) => {
      const { url, signal } = await startHanging(start);
      const timers = makeManualTimers();
      const tools = portOf(url, { timers });
      await tools.ready();
      const caller = new AbortController();
      const aborted = errorOf(tools.invoke('web__slow', {}, { signal: caller.signal }));
      await until('the call to arrive', () => signal() !== undefined);
      caller.abort();
      expect(await aborted).toMatchObject({ code: 'tick-cancelled', details: { started: true } });
      await until('the server to hear of it', () => signal()?.aborted === true);

      const first = signal();
      const late = errorOf(tools.invoke('web__slow', {}, { timeoutMs: 50 }));
      await until('the call to arrive', () => signal() !== first);
      await timers.advance(50);
      expect(await late).toMatchObject({ code: 'timeout', retryable: false });
      await until('the server to hear of it', () => signal()?.aborted === true);
      expect(timers.pending()).toBe(0);
    },
  );

  test.each(['application/json', 'text/event-stream'])(
    'a message above the limit is not read: %s',
    async (type) => {
      const flood: Interceptor = (_, response, method) => {
        if (method !== 'tools/call') return false;
        response.writeHead(200, { 'content-type': type });
        const more = (): void => {
          if (!response.destroyed) response.write('x'.repeat(65_536), more);
        };
        response.write('data: ', more);
        return true;
      };
      const server = await startModernServer(makeHost('big'), flood);
      onTestFinished(server.close);
      const tools = portOf(server.url, { maxMessageBytes: 1_048_576 });
      const error = await errorOf(tools.invoke('web__big', {}));
      expect(error).toMatchObject({ code: 'tool-result-too-large' });
      expect(error.message).toContain('more than 1048576 bytes');
    },
  );
});

describe('an address', () => {
  test('that nobody answers is unavailable and names the setting', async () => {
    const server = createServer();
    const url = await listen(server);
    await stop(server);
    const error = await errorOf(portOf(`${url}/mcp?token=sk-0123456789`).ready());
    expect(error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).toContain('Check servers.web.url.');
    expect(error.message).not.toContain('sk-0123456789');
  });

  test.each([
    [401, '(HTTP 401). Check servers.web.headers.'],
    [403, '(HTTP 403). Check servers.web.headers.'],
    [404, '(HTTP 404). Check servers.web.url.'],
  ])('that answers with status %d names the setting to look at', async (status, told) => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status).end();
    });
    const url = await listen(server);
    onTestFinished(() => stop(server));
    expect((await errorOf(portOf(`${url}/mcp`).ready())).message).toContain(told);
  });

  test('that is down is unavailable, and is used again when it is back', async () => {
    const host = makeHost('pay');
    const first = await startModernServer(host);
    const tools = portOf(first.url);
    expect(await tools.invoke('web__pay', {})).toBe('pay ran');
    await first.close();
    // A connection that was kept alive may break under the first call; after it nobody answers any more.
    await errorOf(tools.invoke('web__pay', {}));
    const error = await errorOf(tools.invoke('web__pay', {}));
    expect(error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(error.message).toContain('ECONNREFUSED');
    const second = await startModernServer(host, undefined, Number(new URL(first.url).port));
    onTestFinished(second.close);
    expect(await tools.invoke('web__pay', {})).toBe('pay ran');
    expect(host.calls).toHaveLength(2);
  });

  test('that redirects to another origin does not get the headers there', async () => {
    const seen: unknown[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers);
      response.end('{}');
    });
    const target = await listen(elsewhere);
    const redirecting = createServer((_, response) =>
      response.writeHead(307, { location: `${target}/mcp` }).end(),
    );
    const url = await listen(redirecting);
    onTestFinished(() => Promise.all([stop(elsewhere), stop(redirecting)]).then(() => undefined));
    const tools = makeMcpTools({
      servers: { web: { url, headers: { 'x-api-key': 'sk-0123456789' } } },
    });
    const error = await errorOf(tools.ready());
    expect(error.code).toBe('unavailable');
    expect(error.message).not.toContain('sk-0123456789');
    expect(seen).toEqual([]);
    await tools.close();
  });

  test('that hangs is given up after the time for connecting, and close does not wait for it', async () => {
    const hanging = createServer(() => undefined);
    const url = await listen(hanging);
    onTestFinished(() => stop(hanging));
    const slow = portOf(url, { connectTimeoutMs: 300 });
    expect((await errorOf(slow.ready())).message).toContain('did not answer within 300 ms');
    const closing = portOf(url);
    const ready = errorOf(closing.ready());
    await closing.close();
    expect((await ready).code).toBe('unavailable');
  });
});

test(
  'connections that come and go leave nothing open and are closed once',
  { timeout: 120_000 },
  async (context) => {
    const host = makeHost('read');
    const server = await startSessionServer(host);
    onTestFinished(server.close);
    const cycles = 1_000;
    let closed = 0;
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const connection = await openConnection({
        server: { url: server.url },
        maxMessageBytes: 1_048_576,
        events: { onClosed: () => (closed += 1), onListChanged: () => undefined },
        signal: new AbortController().signal,
      });
      await Promise.all([connection.close(), connection.close()]);
    }
    expect(server.opened()).toBe(cycles);
    expect(server.sessions()).toBe(0);
    expect(closed).toBe(cycles);

    const tools = portOf(server.url);
    const reconnects = 50;
    for (let cycle = 0; cycle < reconnects; cycle += 1) {
      await tools.invoke('web__read', {});
      await server.forget();
    }
    await tools.close();
    expect(server.opened()).toBe(cycles + reconnects);
    expect(server.sessions()).toBe(0);
    noteFigures(context, 'I5', {
      cycles,
      reconnects,
      openTransports: server.sessions(),
      onclose: closed,
    });
  },
);
