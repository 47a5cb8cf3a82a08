/**
 * The tools suite against tools that live on a real server. What the suite registers is put on the server; what it invokes goes
 * through the port, over the wire.
 */
import type { IToolPort, Tool } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  toolsSuite,
  type Suite,
  type ToolsHarness,
} from '@promethean/pantheon-testkit';
import { makeMcpTools, type McpServer } from '../src/index.ts';
import { toolName } from '../src/tool-name.ts';
import type { ToolHost, WireTool } from './servers/fixture-tools.ts';

/** A server that serves a host's tools. */
export interface HostedServer {
  readonly server: McpServer;
  readonly changed: () => void;
  readonly close: () => Promise<void>;
}

/**
 * What no wire can carry: the identity of an error object and who calls (1b, 1c, 1d), the server's own registration (3, 8, port:1b), an
 * abort in the same turn as the call (6; see faults-http.test.ts for the abort on the wire).
 */
const LOCAL_ONLY = ['tools:1b', 'tools:1c', 'tools:1d', 'tools:3', 'tools:6', 'tools:8', 'port:1b'];

/** The cases that a tool on a server can pass. */
export const remoteToolsSuite: Suite<ToolsHarness> = {
  cases: toolsSuite.cases.filter(({ id }) => !LOCAL_ONLY.includes(id)),
};

interface Call {
  readonly arrived: Promise<AbortSignal>;
  readonly arrive: (signal: AbortSignal) => void;
}

const makeCall = (): Call => {
  let arrive: (signal: AbortSignal) => void = () => undefined;
  const arrived = new Promise<AbortSignal>((resolve) => {
    arrive = resolve;
  });
  return { arrived, arrive };
};

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

export const makeRemoteHarness = async (
  serve: (host: ToolHost) => Promise<HostedServer>,
): Promise<ToolsHarness> => {
  const registry = new Map<string, Tool>();
  const expected = new Map<string, Call[]>();
  const open = new Set<Promise<unknown>>();
  const hosted = await serve({
    list: async () =>
      Array.from(registry.values(), ({ name, description, parameters }): WireTool => {
        const inputSchema = { ...parameters, type: 'object' as const };
        return { name, inputSchema, ...(description !== undefined && { description }) };
      }),
    call: async (name, args, signal) => {
      // The server's own signal also aborts when the exchange is over; the suite looks at the call only.
      const call = new AbortController();
      const abort = (): void => call.abort();
      signal.addEventListener('abort', abort);
      expected.get(name)?.shift()?.arrive(call.signal);
      try {
        return await registry.get(name)?.invoke(args, { signal: call.signal });
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  });
  const timers = makeManualTimers();
  let onHash = (): void => undefined;
  const port = makeMcpTools({ servers: { fx: hosted.server }, timers, onChange: () => onHash() });

  let dirty = true;
  let closed = false;
  let syncing: Promise<void> | undefined;
  const syncNow = async (): Promise<void> => {
    dirty = false;
    const before = port.hashes()['fx'];
    if (before === undefined) return port.ready();
    const changed = new Promise<void>((resolve) => {
      onHash = resolve;
    });
    hosted.changed();
    await changed;
    port.approve('fx', port.hashes()['fx'] ?? '');
  };
  const sync = async (): Promise<void> => {
    while (dirty || syncing !== undefined) {
      syncing ??= syncNow().finally(() => {
        syncing = undefined;
      });
      await syncing;
    }
  };

  const tools: IToolPort = {
    register: (tool) => {
      if (closed) port.register(tool); // It refuses.
      registry.set(tool.name, tool);
      dirty = true;
    },
    invoke: async (name, args, call) => {
      const mine = makeCall();
      expected.set(name, [...(expected.get(name) ?? []), mine]);
      const forget = (): void => {
        expected.set(
          name,
          (expected.get(name) ?? []).filter((one) => one !== mine),
        );
      };
      const result = sync().then(() => port.invoke(toolName('fx', name), args, call));
      const arrival = Promise.race([mine.arrived, result.catch(() => undefined)]);
      open.add(arrival);
      try {
        return await result;
      } catch (error) {
        // The suite looks at the tool's signal at once; the wire needs a moment.
        if (PantheonError.is(error, 'timeout')) await abortOf(await mine.arrived);
        throw error;
      } finally {
        forget();
        open.delete(arrival);
      }
    },
    close: async () => {
      await syncing;
      await Promise.all(open);
      closed = true;
      await port.close();
    },
  };
  return {
    tools,
    supports: ['close'],
    pending: timers.pending,
    advance: async (ms) => {
      // Time passes only when every call is where it will wait.
      await Promise.all(open);
      await timers.advance(ms);
    },
    close: async () => {
      await port.close();
      await hosted.close();
    },
  };
};
