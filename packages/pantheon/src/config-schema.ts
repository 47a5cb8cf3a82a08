/** The config as a schema: a config comes from a file, or from code that no compiler saw. */
import { PantheonError, errorMessage, makeActorFactory } from '@promethean/pantheon-core';
import type {
  ActorScript,
  IActorStatePort,
  IContextPort,
  IJournalPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  OrchestratorOptions,
} from '@promethean/pantheon-core';
import { nameProblem } from '@promethean/pantheon-core/adapter';
import { z } from 'zod';
import type {
  ActorSetting,
  ContextSettings,
  JournalFile,
  LogSetting,
  OpenAiSetting,
  PantheonConfig,
  StateFile,
} from './config.ts';
import { nearestName } from './nearest-name.ts';

/** The ports that a config can hold. */
interface Ports {
  readonly bus: IMessageBus;
  readonly state: IActorStatePort;
  readonly context: IContextPort;
  readonly journal: IJournalPort;
  readonly leases: ILeasePort;
  readonly tools: IToolPort;
  readonly llm: ILlmPort;
  readonly schedule: IScheduler;
}

/** The functions by which they are recognised. */
const PORTS: { readonly [Name in keyof Ports]: readonly (keyof Ports[Name] & string)[] } = {
  bus: ['send', 'subscribe'],
  state: ['spawn', 'list', 'get', 'update'],
  context: ['compile'],
  journal: ['open', 'unfinished'],
  leases: ['acquire'],
  tools: ['register', 'invoke'],
  llm: ['complete'],
  schedule: ['every', 'once'],
};

/** What a log can be set to. */
export const LOG_LEVELS: readonly NonNullable<LogSetting['level']>[] = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
];

/** The sources that a context of ours always has. */
export const OWN_SOURCES: readonly string[] = ['conversation', 'tool-results'];

/** Ids that messages use for others than actors. */
const RESERVED: readonly string[] = ['user', '*'];

type Shape<Settings> = { readonly [Name in keyof Required<Settings>]: z.ZodType };
type Issues = z.core.$ZodRawIssue[];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPromise = (value: unknown): boolean =>
  isObject(value) && typeof value['then'] === 'function';

const report = (issues: Issues, input: unknown, message: string, path: PropertyKey[] = []): void =>
  void issues.push({ code: 'custom', input, message, path });

/** Holds a value to a schema that is chosen when the value is known; a string says what is wrong with it. */
const chosen = (choose: (value: unknown) => z.ZodType | string | undefined): z.ZodType =>
  z.unknown().check(({ value, issues }) => {
    const choice = choose(value);
    if (typeof choice === 'string') report(issues, value, choice);
    if (typeof choice === 'object') {
      for (const { message, path } of choice.safeParse(value).error?.issues ?? [])
        report(issues, value, message, path);
    }
  });

/** An object with settings of these names and no others. */
const settings = <Settings>(shape: Shape<Settings>): z.ZodType => {
  const names = Object.keys(shape);
  const known = z.looseObject(shape);
  return z.unknown().check(({ value, issues }) => {
    if (isPromise(value)) return report(issues, value, 'is a promise; await it');
    if (!isObject(value)) return report(issues, value, 'must be an object with settings');
    for (const key of Object.keys(value)) {
      if (names.includes(key)) continue;
      const nearest = nearestName(key, names);
      const meant = nearest === undefined ? '.' : `; did you mean "${nearest}"?`;
      report(issues, value, `is no setting${meant} Settings are ${names.join(', ')}`, [key]);
    }
    for (const { message, path } of known.safeParse(value).error?.issues ?? [])
      report(issues, value, message, path);
    return undefined;
  });
};

const text = z.string('must be a string').min(1, 'must not be empty').optional();
const number = z.number('must be a number').optional();
/** Limits of the orchestrator may be switched off. */
const limit = z.custom((value) => typeof value === 'number', 'must be a number').optional();
const flag = z.boolean('must be true or false').optional();
const list = (element: z.ZodType): z.ZodType => z.array(element, 'must be a list').optional();
const texts = list(z.string('must be a string'));
const oneOf = (names: readonly string[]): z.ZodType =>
  z.enum(names, `must be one of ${names.join(', ')}`).optional();
const callback = z.custom((value) => typeof value === 'function', 'must be a function').optional();
const record = (element: z.ZodType): z.ZodType =>
  z.record(z.string(), element, 'must be an object').optional();

/** Whether a setting holds a port, be it one that lacks something. */
export const isPort = <Name extends keyof Ports>(
  name: Name,
  value: unknown,
): value is Ports[Name] =>
  isObject(value) && PORTS[name].some((member) => typeof value[member] === 'function');

/** The functions that a port lacks. */
const missingIn = (name: keyof Ports, value: unknown): readonly string[] =>
  PORTS[name].filter(
    (member) => typeof (value as Readonly<Record<string, unknown>>)[member] !== 'function',
  );

/** A port, or what else the setting can be. */
const port = (
  name: keyof Ports,
  otherwise: string,
  choose: (value: unknown) => z.ZodType | undefined = () => undefined,
): z.ZodType =>
  chosen((value) => {
    if (isPromise(value)) return 'is a promise; await it';
    if (!isPort(name, value)) return choose(value) ?? `must be ${otherwise}`;
    const missing = missingIn(name, value);
    return missing.length === 0 ? undefined : `is no port: it lacks ${missing.join(', ')}`;
  }).optional();

const script = chosen((value) => {
  try {
    // The core's own check; the actor is thrown away.
    makeActorFactory({ newId: () => 'actor' }).createActor(value as ActorScript, []);
    return undefined;
  } catch (error) {
    return `is no script: ${errorMessage(error).replace(/^actor\./, '')}`;
  }
});

const name = chosen((value) => nameProblem(value)).optional();

const id = chosen((value) =>
  RESERVED.includes(value as string)
    ? `must not be ${RESERVED.map((one) => `"${one}"`).join(' or ')}, which messages use for others`
    : name,
).optional();

const INTERVAL = 'must be a whole number from 1 to 2147483647 (milliseconds)';
const actor = settings<ActorSetting>({
  script,
  goals: texts,
  id,
  loopMs: z.int(INTERVAL).min(1, INTERVAL).max(2_147_483_647, INTERVAL).optional(),
});

/** The id of an actor. */
export const idOf = ({ id, script }: ActorSetting): string => id ?? script.name;

const actors = z
  .array(actor, 'must be a list')
  .check(({ value, issues }) => {
    const places = new Map<string, number>();
    for (const [index, each] of (value as readonly ActorSetting[]).entries()) {
      if (each?.script === undefined) continue;
      const name = idOf(each);
      const place = places.get(name);
      if (place === undefined) places.set(name, index);
      else
        report(
          issues,
          value,
          `is "${name}", and so is that of actors[${place}]; give each actor an id of its own`,
          [index, 'id'],
        );
    }
  })
  .optional();

const stateFile = settings<StateFile>({ file: z.string('must be the path of a file').min(1) });
const journalFile = settings<JournalFile>({
  file: z.string('must be the path of a file').min(1),
});

const contextSettings = settings<ContextSettings>({
  file: text,
  documents: chosen((value) => {
    const taken = isObject(value) ? OWN_SOURCES.find((source) => source in value) : undefined;
    return taken === undefined
      ? record(z.string('must be the path of a folder').min(1, 'must not be empty'))
      : `must not have ${JSON.stringify(taken)}, which is there anyway`;
  }).optional(),
});

const openAi = settings<OpenAiSetting>({
  model: text,
  apiKey: chosen((value) =>
    (typeof value === 'string' && value !== '') || typeof value === 'function'
      ? undefined
      : 'must be a string, or a function that gives one',
  ).optional(),
  baseURL: z.url('must be an address such as http://127.0.0.1:11434/v1').optional(),
  organization: text,
  headers: record(z.string('must be a string')),
  azure: settings<NonNullable<OpenAiSetting['azure']>>({
    endpoint: text,
    apiVersion: text,
    deployment: text,
  }).optional(),
  api: oneOf(['chat', 'responses']),
  temperature: number,
  maxTokens: number,
  maxTokensField: oneOf(['max_completion_tokens', 'max_tokens']),
  timeouts: settings<NonNullable<OpenAiSetting['timeouts']>>({
    headersMs: limit,
    firstDeltaMs: limit,
    idleMs: limit,
    totalMs: limit,
  }).optional(),
  maxRetries: number,
  repair: flag,
  maxConcurrent: number,
  maxBodyBytes: number,
});

const tool = z.custom(
  (value) =>
    isObject(value) && typeof value['name'] === 'string' && typeof value['invoke'] === 'function',
  'must be a tool, with name and invoke',
);

const logSettings = settings<LogSetting>({
  level: oneOf(LOG_LEVELS),
  destination: z
    .custom(
      (value) =>
        typeof value === 'number' ||
        (typeof value === 'string' && value !== '') ||
        typeof (value as { readonly write?: unknown } | null)?.write === 'function',
      'must be a file descriptor, the path of a file or a stream',
    )
    .optional(),
  pretty: flag,
  color: flag,
  secrets: chosen((value) =>
    typeof value === 'function'
      ? undefined
      : z.array(z.string('must be a string').optional(), 'must be a list or a function'),
  ).optional(),
  maxFieldBytes: number,
  name: text,
});

const orchestratorOptions = settings<OrchestratorOptions>({
  maxRounds: limit,
  planTimeoutMs: limit,
  actionTimeoutMs: limit,
  tickTimeoutMs: limit,
  maxConcurrentTicks: limit,
  leaseTtlMs: number,
  approvalTtlMs: limit,
  maxHops: limit,
  maxSpawnDepth: limit,
  maxChildren: limit,
  redact: texts,
  actions: record(z.custom((value) => typeof value === 'function', 'must be a function')),
  newId: callback,
  scripts: list(script),
  estimateCost: callback,
});

const memoryOr = (value: unknown, plain: z.ZodType): z.ZodType | undefined =>
  value === 'memory' ? z.unknown() : isObject(value) ? plain : undefined;

const schema = settings<PantheonConfig>({
  actors,
  scripts: list(script),
  bus: port('bus', 'a bus'),
  group: name,
  state: port('state', '"memory", { file } or a state port', (value) => memoryOr(value, stateFile)),
  context: port('context', '"memory", { file, documents } or a context port', (value) =>
    memoryOr(value, contextSettings),
  ),
  journal: port('journal', '{ file } or a journal port', (value) =>
    isObject(value) ? journalFile : undefined,
  ),
  leases: port('leases', 'a lease port'),
  tools: port('tools', 'a list of tools or a tool port', (value) =>
    Array.isArray(value) ? z.array(tool) : undefined,
  ),
  llm: port('llm', '"offline", "openai", settings of a model or an LLM port', (value) =>
    value === 'offline' || value === 'openai' ? z.unknown() : isObject(value) ? openAi : undefined,
  ),
  schedule: port('schedule', 'a scheduler'),
  log: chosen((value) => {
    if (value === false || typeof value === 'function') return undefined;
    return isObject(value) ? logSettings : 'must be a function, settings of a log or false';
  }).optional(),
  observe: callback,
  now: callback,
  options: orchestratorOptions.optional(),
});

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');

/**
 * Returns the value when it is a config.
 *
 * @throws PantheonError `option-invalid`; the message has one sentence for each thing that is wrong, on a line of its own, with `where`
 *   and the path, and `details.paths` has the paths.
 */
export const requireConfig = (value: unknown, where: string): PantheonConfig => {
  const found = schema.safeParse(value).error?.issues ?? [];
  if (found.length === 0) return value as PantheonConfig;
  const problems = found.map(({ path, message }) => ({ path: pathText(path), message }));
  const sentences = problems.map(
    ({ path, message }) =>
      `${where}: ${path === '' ? 'the config' : JSON.stringify(path)} ${message}.`,
  );
  throw new PantheonError('option-invalid', sentences.join('\n'), {
    details: { paths: problems.map(({ path }) => path) },
  });
};
