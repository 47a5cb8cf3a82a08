import type { IToolPort, Timers, Tool, ToolCallContext, ToolSpec } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { makeMemoryTools } from '@promethean/pantheon-core/memory';
import { runBounded } from './bounded-call.ts';
import { readArguments } from './call-arguments.ts';
import type { McpServer } from './connection.ts';
import { checkOptions, isTimeout, optionInvalid, TIMEOUT_RULE } from './options.ts';
import { type McpToolSettings, quoted } from './remote-tool.ts';
import { makeSession, type McpToolsChange, type Session } from './session.ts';
import { isNamed, serverOf } from './tool-name.ts';

/** How the port is set up. */
export interface McpToolsOptions {
  /** The servers by the names that their tools begin with. Take them from configuration, never from a message or a model. */
  readonly servers: Readonly<Record<string, McpServer>>;
  /** Names that can be listed and invoked (`server__tool`), exact or with a trailing `*`. Default: all. */
  readonly allow?: readonly string[];
  /** Settings of tools by name, exact or with a trailing `*`; the first that fits holds. Default: none. */
  readonly tools?: Readonly<Record<string, McpToolSettings>>;
  /** Hashes by server, as `hashes()` gives them. Default: the list that is seen first is pinned while the port lives. */
  readonly pin?: Readonly<Record<string, string>>;
  /** Told when a server's tools are no longer the approved ones. What it throws is dropped. */
  readonly onChange?: (change: McpToolsChange) => void;
  /** Where `register` puts tools; names that are no server's go there. Default: in memory. One that is given is not closed. */
  readonly local?: IToolPort;
  /** Milliseconds for a call where neither the caller nor the tool says otherwise; `Infinity` for no limit. Default 60,000. */
  readonly timeoutMs?: number;
  /** Milliseconds for starting or reaching a server and for its list of tools. Default 30,000. */
  readonly connectTimeoutMs?: number;
  /** UTF-8 bytes of a result at most, from 256. Default 1,048,576. */
  readonly maxResultBytes?: number;
  /** Bytes of one message of a server at most, from 65,536; more ends a process. Default 8,388,608. */
  readonly maxMessageBytes?: number;
  /** Default: the process's own. */
  readonly timers?: Timers;
}

/** The port with all its capabilities. */
export interface McpTools extends IToolPort {
  readonly list: () => readonly ToolSpec[];
  readonly close: () => Promise<void>;
  /**
   * Connects to all servers. Rejects with `unavailable` when some cannot be used, after all were tried; the others can be used, and
   * the next call of a tool tries again.
   */
  readonly ready: () => Promise<void>;
  /** The hash of each connected server's allowed tools, for `pin`. */
  readonly hashes: () => Readonly<Record<string, string>>;
  /** Approves the tools that a server offers now. Throws `option-invalid` when they have another hash. */
  readonly approve: (server: string, hash: string) => void;
}

const oneError = (errors: readonly unknown[]): unknown => {
  const [first] = errors;
  if (errors.length === 1 || !errors.every((error) => PantheonError.is(error))) return first;
  return new PantheonError('unavailable', errors.map(({ message }) => message).join(' '), {
    retryable: true,
    cause: first,
    details: { servers: errors.map(({ details }) => details['server']) },
  });
};

/**
 * A tool port whose tools are those of MCP servers, started as processes or reached over HTTP. Nothing is started before `ready`
 * or the first call.
 *
 * A server is a stranger: its descriptions, schemas, hints and results are data with limits, a changed tool is disabled until
 * somebody approves it, and no process of it outlives this one. Throws `option-invalid`.
 */
export const makeMcpTools = (options: McpToolsOptions): McpTools => {
  const {
    servers,
    allow = ['*'],
    tools = {},
    pin = {},
    onChange = () => undefined,
    timeoutMs = 60_000,
    connectTimeoutMs = 30_000,
    maxResultBytes = 1_048_576,
    maxMessageBytes = 8_388_608,
    timers = hostTimers,
  } = options;
  checkOptions({
    servers,
    allow,
    tools,
    pin,
    timeoutMs,
    connectTimeoutMs,
    maxResultBytes,
    maxMessageBytes,
  });

  const local = options.local ?? makeMemoryTools({ timers, defaultTimeoutMs: timeoutMs });
  const patterns = Object.entries(tools);
  const settingsOf = (tool: string): McpToolSettings =>
    patterns.find(([pattern]) => isNamed([pattern], tool))?.[1] ?? {};
  const sessions = new Map<string, Session>(
    Object.entries(servers).map(([name, server]) => [
      name,
      makeSession({
        name,
        server: structuredClone(server),
        pin: Object.hasOwn(pin, name) ? pin[name] : undefined,
        isAllowed: (tool) => isNamed(allow, tool),
        settingsOf,
        connectTimeoutMs,
        maxMessageBytes,
        maxResultBytes,
        timers,
        onChange,
      }),
    ]),
  );
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const requireOpen = (): void => {
    if (closing !== undefined) throw new PantheonError('closed', 'The tool port is closed.');
  };

  const sessionOf = (tool: string): Session | undefined => {
    const server = serverOf(tool);
    return server === undefined ? undefined : sessions.get(server);
  };

  const register = (tool: Tool): void => {
    requireOpen();
    if (typeof tool.name === 'string' && sessionOf(tool.name) !== undefined)
      throw new PantheonError(
        'tool-duplicate',
        `The name ${quoted(tool.name)} belongs to the tools of server ${quoted(serverOf(tool.name) ?? '')}; give this tool another.`,
      );
    local.register(tool);
  };

  const start = (
    session: Session,
    name: string,
    args: unknown,
    call: ToolCallContext,
  ): Promise<unknown> => {
    const settings = settingsOf(name);
    const limit = call.timeoutMs ?? settings.timeoutMs ?? timeoutMs;
    if (!isTimeout(limit)) throw optionInvalid('timeoutMs', TIMEOUT_RULE, limit);
    const copied = readArguments(name, args);
    return runBounded({
      tool: name,
      call,
      timeoutMs: limit,
      idempotent: settings.idempotent === true,
      timers,
      run: (signal, onStart) => session.invoke(name, copied, signal, onStart),
    });
  };

  const invoke = async (
    name: string,
    args: Readonly<Record<string, unknown>>,
    call: ToolCallContext = {},
  ): Promise<unknown> => {
    requireOpen();
    const session = sessionOf(name);
    const result =
      session === undefined ? local.invoke(name, args, call) : start(session, name, args, call);
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  };

  const shutDown = async (): Promise<void> => {
    await Promise.allSettled(running);
    await Promise.all(Array.from(sessions.values(), (session) => session.close()));
    if (options.local === undefined) await local.close?.();
  };

  return {
    register,
    invoke,
    list: () => {
      requireOpen();
      const remote = Array.from(sessions.values(), (session) => session.list()).flat();
      return [...remote, ...(local.list?.() ?? [])];
    },
    ready: async () => {
      requireOpen();
      const outcomes = await Promise.allSettled(
        Array.from(sessions.values(), (session) => session.ready()),
      );
      const errors = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      );
      if (errors.length > 0) throw oneError(errors);
    },
    hashes: () => {
      const known = Array.from(sessions, ([name, session]) => [name, session.hash()] as const);
      return Object.fromEntries(
        known.flatMap(([name, hash]) => (hash === undefined ? [] : [[name, hash]])),
      );
    },
    approve: (server, hash) => {
      requireOpen();
      const session = sessions.get(server);
      if (session === undefined)
        throw new PantheonError(
          'option-invalid',
          `There is no server ${quoted(server)} among "servers".`,
        );
      session.approve(hash);
    },
    close: () => {
      closing ??= shutDown();
      return closing;
    },
  };
};
