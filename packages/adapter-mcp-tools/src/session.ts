import type { Tool as ListedTool } from '@modelcontextprotocol/client';
import type { Timers, ToolSpec } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import { checkArguments } from './call-arguments.ts';
import { failureOf, networkCode, statusOf } from './call-failure.ts';
import {
  type Connection,
  isHttp,
  type McpServer,
  NO_TIMEOUT,
  openConnection,
} from './connection.ts';
import type { Json } from './plain-json.ts';
import { hashOf, type McpToolSettings, quoted, readTool, type RemoteTool } from './remote-tool.ts';
import { scrub } from './stderr-tail.ts';
import { readToolResult } from './tool-result.ts';

/** A server's list of tools differs from the one that was approved. */
export interface McpToolsChange {
  readonly server: string;
  /** The hash of the list as it is now: what to approve it with. */
  readonly hash: string;
  /** Names of the tools that are disabled until then. */
  readonly disabled: readonly string[];
  /** Names of approved tools that are gone. */
  readonly removed: readonly string[];
  /** All of it as a sentence. */
  readonly message: string;
}

/** What a session is made from. */
export interface SessionSetup {
  readonly name: string;
  readonly server: McpServer;
  readonly pin: string | undefined;
  readonly isAllowed: (tool: string) => boolean;
  readonly settingsOf: (tool: string) => McpToolSettings;
  readonly connectTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxResultBytes: number;
  readonly timers: Timers;
  readonly onChange: (change: McpToolsChange) => void;
}

/** One server: its connection, which is made when it is needed, and its tools, as they were approved. */
export interface Session {
  readonly ready: () => Promise<void>;
  /** What can be called now. */
  readonly list: () => readonly ToolSpec[];
  readonly hash: () => string | undefined;
  readonly approve: (hash: string) => void;
  readonly invoke: (
    tool: string,
    args: { [key: string]: Json },
    signal: AbortSignal,
    onStart: () => void,
  ) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const MOST_TOOLS = 1_024;

/** Calls on a connection that is not used any more may still end well; it is closed after the last. */
interface Live {
  readonly connection: Connection;
  calls: number;
  retired: boolean;
}

/** What must not show in a message: the configured values, and of `Bearer x` also `x` alone. */
const secretsOf = (server: McpServer): readonly string[] =>
  Object.values((isHttp(server) ? server.headers : server.env) ?? {}).flatMap((value) => [
    value,
    ...value.split(' ').filter((part) => part.length >= 8),
  ]);

export const makeSession = (setup: SessionSetup): Session => {
  const {
    name,
    server,
    isAllowed,
    settingsOf,
    connectTimeoutMs,
    maxMessageBytes,
    maxResultBytes,
    timers,
    onChange,
  } = setup;
  const secrets = secretsOf(server);
  const setting = `servers.${name}.${isHttp(server) ? 'url' : 'command'}`;
  // The query of an address can have a token in it.
  const address = isHttp(server) ? server.url.replace(/[?#].*$/s, '') : server.command;

  const connections = new Set<Connection>();
  let live: Live | undefined;
  let connecting: Promise<Live> | undefined;
  let refreshing: Promise<void> | undefined;
  let outdated = false;
  let closed = false;
  const ending = new AbortController();

  let tools: ReadonlyMap<string, RemoteTool> = new Map();
  let hash: string | undefined;
  let pin = setup.pin;
  /** Without a pin, the fingerprints of the list that was seen first, or approved last, by the tools' names. */
  let approved: ReadonlyMap<string, string> | undefined;

  const isApproved = (tool: RemoteTool): boolean =>
    pin === undefined ? approved?.get(tool.spec.name) === tool.fingerprint : pin === hash;

  const report = (): void => {
    const all = [...tools.values()];
    const disabled = all.filter((tool) => !isApproved(tool)).map(({ spec }) => spec.name);
    const removed = [...(approved?.keys() ?? [])].filter((known) => !tools.has(known));
    if (hash === undefined || (disabled.length === 0 && removed.length === 0)) return;
    const sentence =
      disabled.length === 0
        ? `Server ${quoted(name)} no longer offers ${removed.length} approved tool(s).`
        : `The tools of server ${quoted(name)} are not the ones that were approved: ${disabled.length} tool(s) are disabled until you review them and approve the hash ${hash}.`;
    try {
      onChange({ server: name, hash, disabled, removed, message: sentence });
    } catch {
      // A failing observer changes nothing.
    }
  };

  const accept = (listed: readonly ListedTool[]): void => {
    if (listed.length > MOST_TOOLS) throw new Error(`it offers more than ${MOST_TOOLS} tools`);
    const read = new Map<string, RemoteTool>();
    const all: RemoteTool[] = [];
    for (const one of listed) {
      const tool = readTool(name, one, settingsOf);
      const known = tool.spec.name;
      if (!isAllowed(known)) continue;
      all.push(tool);
      const refusal = read.has(known)
        ? new PantheonError(
            'tool-duplicate',
            `Server ${quoted(name)} offers more than one tool ${quoted(known)}, so none of them can be called.`,
          )
        : tool.refusal;
      read.set(known, { ...tool, refusal });
    }
    const before = hash;
    hash = hashOf(all);
    tools = read;
    approved ??= new Map(all.map((tool) => [tool.spec.name, tool.fingerprint]));
    if (hash !== before) report();
  };

  /** Runs `work` within the time for connecting; a timeout is an error with a sentence. */
  const withinConnectTime = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const controller = new AbortController();
    const stop = (): void => controller.abort(new Error('the port was closed'));
    const timer = timers.set(
      () => controller.abort(new Error(`it did not answer within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    ending.signal.addEventListener('abort', stop, { once: true });
    if (ending.signal.aborted) stop();
    try {
      return await work(controller.signal);
    } finally {
      timers.clear(timer);
      ending.signal.removeEventListener('abort', stop);
    }
  };

  /** The settings to look at, and what is often wrong with them. */
  const adviceFor = (reason: string, status: number | undefined): string => {
    if (isHttp(server))
      return status === 401 || status === 403 ? `servers.${name}.headers` : setting;
    if (!reason.includes('ENOENT')) return setting;
    // The host says the same of a program and of a folder that is not there.
    if (server.cwd !== undefined) return `${setting} and servers.${name}.cwd`;
    return /\s/.test(server.command)
      ? `${setting}: arguments belong into servers.${name}.args`
      : setting;
  };

  const unavailable = (error: unknown): PantheonError => {
    const status = statusOf(error);
    const told = scrub(errorMessage(error), secrets);
    const code = networkCode(error) ?? (status === undefined ? undefined : `HTTP ${status}`);
    const reason = code === undefined || told.includes(code) ? told : `${told} (${code})`;
    return new PantheonError(
      'unavailable',
      `Server ${quoted(name)} (${address}) cannot be used: ${reason}. Check ${adviceFor(reason, status)}.`,
      { retryable: true, cause: error, details: { server: name, setting } },
    );
  };

  const leave = (connection: Connection): void => {
    const forget = (): void => {
      connections.delete(connection);
    };
    connection.close().then(forget, forget);
  };

  const retire = (used: Live): void => {
    used.retired = true;
    if (live === used) live = undefined;
    if (used.calls === 0) leave(used.connection);
  };

  const open = async (): Promise<Live> => {
    let ended = false;
    let mine: Live | undefined;
    try {
      return await withinConnectTime(async (signal) => {
        const connection = await openConnection({
          server,
          maxMessageBytes,
          signal,
          events: {
            onClosed: () => {
              ended = true;
              if (live === mine) live = undefined;
              if (mine !== undefined) leave(mine.connection);
            },
            onListChanged: () => {
              outdated = true;
              if (live !== undefined) refresh(live).catch(() => undefined); // The next call connects again, and tells.
            },
          },
        });
        ended = false;
        connections.add(connection);
        mine = { connection, calls: 0, retired: false };
        try {
          outdated = false;
          accept(await connection.listTools(signal));
        } catch (error) {
          await connection.close();
          connections.delete(connection);
          throw error;
        }
        if (!ended) live = mine;
        return mine;
      });
    } catch (error) {
      throw unavailable(error);
    }
  };

  const connect = (): Promise<Live> => {
    if (closed) return Promise.reject(new PantheonError('closed', 'The tool port is closed.'));
    if (live !== undefined) return Promise.resolve(live);
    connecting ??= open().finally(() => {
      connecting = undefined;
    });
    return connecting;
  };

  /** Reads the list of a connection again, until it is the latest. */
  const refresh = (used: Live): Promise<void> => {
    refreshing ??= (async () => {
      try {
        while (outdated) {
          outdated = false;
          accept(await withinConnectTime((signal) => used.connection.listTools(signal)));
        }
      } catch (error) {
        outdated = true;
        retire(used);
        throw error;
      } finally {
        refreshing = undefined;
      }
    })();
    return refreshing;
  };

  /** A connection whose list of tools is known. */
  const current = async (): Promise<Live> => {
    const used = await connect();
    if (!outdated) return used;
    try {
      await refresh(used);
      return used;
    } catch {
      return connect(); // A new connection starts with its list, and tells what is wrong with it.
    }
  };

  const find = (tool: string): RemoteTool => {
    const found = tools.get(tool);
    if (found === undefined) {
      const known = [...tools.keys()].slice(0, 20).map(quoted).join(', ');
      throw new PantheonError(
        'tool-unknown',
        `Server ${quoted(name)} has no tool ${quoted(tool)}. Known: ${known || 'none'}.`,
      );
    }
    if (!isApproved(found))
      throw new PantheonError(
        'permission-denied',
        `Tool ${quoted(tool)} is not what was approved, or is new. Review the tools of server ${quoted(name)} and set pin.${name} to ${quoted(hash ?? '')}, or call approve() with it.`,
        { details: { tool, server: name, hash } },
      );
    if (found.refusal !== undefined) throw found.refusal;
    return found;
  };

  const callOnce = async (
    used: Live,
    tool: RemoteTool,
    args: { [key: string]: Json },
    signal: AbortSignal,
  ): Promise<unknown> => {
    used.calls += 1;
    try {
      const result = await used.connection.client.callTool(
        { name: tool.remoteName, arguments: args },
        { signal, timeout: NO_TIMEOUT, toolDefinition: tool.definition },
      );
      return readToolResult(tool, result, tool.maxResultBytes ?? maxResultBytes);
    } finally {
      used.calls -= 1;
      if (used.retired && used.calls === 0) leave(used.connection);
    }
  };

  const invoke: Session['invoke'] = async (wanted, args, signal, onStart) => {
    if (!isAllowed(wanted))
      throw new PantheonError(
        'permission-denied',
        `Tool ${quoted(wanted)} is not among those that "allow" names.`,
        { details: { tool: wanted } },
      );
    const wasListed = tools.has(wanted);
    for (let attempt = 1; ; attempt += 1) {
      const used = await current();
      const tool = find(wanted);
      const { sideEffect, approval } = tool.spec;
      // Whoever calls looks at the list for what needs a permission or an approval, and it had nothing of this tool.
      if (!wasListed && (sideEffect === 'destructive' || approval !== undefined))
        throw new PantheonError(
          'unavailable',
          `Tool ${quoted(wanted)} needs a permission or an approval, and was called before the tools of server ${quoted(name)} were known; await ready() before actors tick, or call it again.`,
          { retryable: true, details: { tool: wanted, server: name } },
        );
      checkArguments(tool, args);
      if (signal.aborted) throw signal.reason;
      onStart();
      try {
        return await callOnce(used, tool, args, signal);
      } catch (error) {
        const idempotent = tool.spec.idempotent === true;
        const failure = failureOf({
          error,
          tool: wanted,
          server: name,
          setting,
          idempotent,
          connection: used.connection,
          secrets,
        });
        if (failure.kind === 'not-started') retire(used);
        const again = failure.kind === 'not-started' || (failure.kind === 'broken' && idempotent);
        if (!again || attempt > 1 || signal.aborted) throw failure.error;
      }
    }
  };

  return {
    ready: async () => {
      await current();
    },
    list: () =>
      [...tools.values()]
        .filter((tool) => tool.refusal === undefined && isApproved(tool))
        .map(({ spec }) => spec),
    hash: () => hash,
    approve: (wanted) => {
      if (wanted !== hash)
        throw new PantheonError(
          'option-invalid',
          `The tools of server ${quoted(name)} have the hash ${hash ?? '(not connected yet)'}, not ${quoted(wanted)}. Review what is offered now.`,
        );
      if (pin !== undefined) pin = wanted;
      approved = new Map([...tools.values()].map((tool) => [tool.spec.name, tool.fingerprint]));
    },
    invoke,
    close: async () => {
      closed = true;
      ending.abort();
      live = undefined;
      await connecting?.catch(() => undefined);
      await Promise.all(Array.from(connections, (connection) => connection.close()));
    },
  };
};
