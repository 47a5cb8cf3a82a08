/** Which adapters the arguments and the environment ask for. What is missing is said in one sentence, with the setting that mends it. */
import { makeMcpTools } from '@promethean/adapter-mcp-tools';
import { makeOfflineLlm } from '@promethean/adapter-offline-llm';
import { makeOpenAiLlm } from '@promethean/adapter-openai-llm';
import { makePostgresState } from '@promethean/adapter-postgres-state';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeRedisState } from '@promethean/adapter-redis-state';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { errorMessage } from '@promethean/pantheon-core';
import type {
  ActorScript,
  IActorStatePort,
  ILlmPort,
  IMessageBus,
  IToolPort,
} from '@promethean/pantheon-core';
import { makeMemoryBus, makeMemoryState } from '@promethean/pantheon-core/memory';
import { UsageError } from './arguments.ts';
import type { DemoArguments } from './arguments.ts';

/** A port, and a look whether it can be used: the promise rejects with what to do about it. */
export interface Chosen<Port> {
  readonly port: Port;
  /** For the person at the keyboard; undefined for what the demo always does. */
  readonly name?: string;
  readonly ready: () => Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const REACH_MS = 5_000;
const always = async (): Promise<void> => undefined;

/** An address without the name and the password in it. */
const shown = (address: string): string => {
  const url = URL.parse(address);
  return url === null ? 'this address' : `${url.protocol}//${url.host}${url.pathname}`;
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A per cent sign that stands for itself.
  }
};

/** What must not be in a log: the key, and the passwords in addresses. */
export const secretsOf = ({ redis }: DemoArguments, env: Environment): readonly string[] => {
  const passwords = [redis, env['DATABASE_URL']].map((address) =>
    decoded(URL.parse(address ?? '')?.password ?? ''),
  );
  // What is shorter is no secret, and would take letters out of every line.
  return [env['OPENAI_API_KEY'] ?? '', ...passwords].filter((secret) => secret.length >= 4);
};

/** Waits for a server, and says which setting names it when it does not answer. */
const orElse = (ready: () => Promise<void>, setting: string) => (): Promise<void> =>
  ready().catch((error: unknown) => {
    throw new UsageError(`${setting}: ${errorMessage(error)}`);
  });

const reachModel = async (baseURL: string, apiKey: string | undefined): Promise<void> => {
  const address = shown(baseURL);
  const request = {
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(REACH_MS),
  };
  const response = await fetch(`${baseURL.replace(/\/$/, '')}/models`, request).catch(() => {
    throw new UsageError(
      `The model's server ${address} cannot be reached; start it, correct OPENAI_BASE_URL, or use --model offline.`,
    );
  });
  await response.body?.cancel();
  if (response.status !== 401 && response.status !== 403) return;
  throw new UsageError(
    `The model's server ${address} refuses the key; correct OPENAI_API_KEY, or use --model offline.`,
  );
};

/** The model of the arguments, else of the environment, else none. */
export const chooseModel = (
  { model }: DemoArguments,
  env: Environment,
): Chosen<ILlmPort> & { readonly isOffline: boolean } => {
  const apiKey = env['OPENAI_API_KEY'] || undefined;
  const baseURL = env['OPENAI_BASE_URL'] || undefined;
  if (model === 'offline' || (model === undefined && apiKey === undefined && baseURL === undefined))
    return {
      port: makeOfflineLlm(),
      name: 'no model (quotes from the documents)',
      ready: always,
      isOffline: true,
    };
  if (apiKey === undefined && baseURL === undefined) {
    throw new UsageError(
      `--model ${model} needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; without --model the answers are quotes.`,
    );
  }
  if (baseURL !== undefined && URL.parse(baseURL) === null)
    throw new UsageError('OPENAI_BASE_URL must be an address such as http://127.0.0.1:11434/v1.');
  const name = model ?? env['OPENAI_MODEL'] ?? 'gpt-4.1-mini';
  // A server of one's own seldom asks for a key, but the client insists on one.
  const port = makeOpenAiLlm({
    model: name,
    apiKey: apiKey ?? 'none',
    ...(baseURL !== undefined && { baseURL }),
  });
  const ready = (): Promise<void> => reachModel(baseURL ?? 'https://api.openai.com/v1', apiKey);
  return { port, name, ready, isOffline: false };
};

/** Messages in memory, or through Redis. `namespace` keeps this demo's messages apart from others. */
export const chooseBus = (
  { redis }: DemoArguments,
  namespace: string,
  onWarning: (text: string) => void,
): Chosen<IMessageBus> => {
  if (redis === undefined) return { port: makeMemoryBus(), ready: always };
  const bus = tryTo('--redis', () => makeRedisBus({ url: redis, namespace, onWarning }));
  return {
    port: bus,
    name: `messages through ${shown(redis)}`,
    ready: orElse(bus.ready, '--redis'),
  };
};

/** Actors in memory, or where they outlive the demo. A durable state has to know the scripts of its actors. */
export const chooseState = (
  { state, redis }: DemoArguments,
  env: Environment,
  scripts: readonly ActorScript[],
  file: string,
): Chosen<IActorStatePort> => {
  switch (state) {
    case 'sqlite': {
      const port = makeSqliteState({ path: file, scripts });
      return { port, name: `actors in ${file}`, ready: orElse(port.ready, '--state sqlite') };
    }
    case 'redis': {
      const url = redis as string;
      const port = tryTo('--redis', () => makeRedisState({ url, scripts, namespace: 'demo' }));
      return { port, name: `actors in ${shown(url)}`, ready: orElse(port.ready, '--redis') };
    }
    case 'postgres': {
      const url = env['DATABASE_URL'];
      if (!url) {
        throw new UsageError(
          '--state postgres needs DATABASE_URL, such as postgres://user:password@127.0.0.1:5432/database.',
        );
      }
      const port = tryTo('DATABASE_URL', () => makePostgresState({ url, scripts }));
      return { port, name: `actors in ${shown(url)}`, ready: orElse(port.ready, 'DATABASE_URL') };
    }
    default:
      return { port: makeMemoryState(), ready: always };
  }
};

/** The tools of the desk, and those of MCP servers beside them. */
export const chooseTools = (
  { mcp }: DemoArguments,
  desk: IToolPort,
): Chosen<IToolPort> & { readonly foreign: () => readonly string[] } => {
  if (mcp.length === 0) return { port: desk, ready: always, foreign: () => [] };
  const servers = Object.fromEntries(
    mcp.map(([command = '', ...args], n) => [n === 0 ? 'mcp' : `mcp${n + 1}`, { command, args }]),
  );
  const port = makeMcpTools({ servers, local: desk });
  const own = new Set((desk.list?.() ?? []).map(({ name }) => name));
  return {
    port,
    ready: orElse(port.ready, '--mcp'),
    // No script of the desk names what its server calls destructive, so nobody may use it.
    foreign: () =>
      port
        .list()
        .flatMap(({ name, sideEffect }) =>
          own.has(name) || sideEffect === 'destructive' ? [] : [name],
        ),
  };
};

/** Makes a port; what its options refuse is the setting's fault. */
const tryTo = <Port>(setting: string, make: () => Port): Port => {
  try {
    return make();
  } catch (error) {
    throw new UsageError(`${setting}: ${errorMessage(error)}`);
  }
};
