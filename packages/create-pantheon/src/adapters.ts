/** How an app uses each of our adapters. */

/** An adapter in an app. */
export interface AdapterUse {
  /** The setting of `pantheon.config.ts` that it is given to. */
  readonly setting:
    | 'bus'
    | 'context'
    | 'journal'
    | 'leases'
    | 'llm'
    | 'log'
    | 'schedule'
    | 'state'
    | 'tools';
  /** The setting's value; absent where the app uses the adapter without being told. */
  readonly expression?: string;
  /** What the expression needs: names by the package that exports them. Ours are installed with the versions of this package. */
  readonly imports?: Readonly<Record<string, string>>;
  /** Versions of packages that are not ours. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Variables for `.env.example`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What has to be there when the app starts, or what to do next. */
  readonly needs?: string;
}

const REDIS = { REDIS_URL: 'redis://127.0.0.1:6379' };
const REDIS_URL = `process.env['REDIS_URL'] ?? '${REDIS.REDIS_URL}'`;
const POSTGRES = { DATABASE_URL: 'postgres://127.0.0.1/pantheon' };
const POSTGRES_URL = `process.env['DATABASE_URL'] ?? '${POSTGRES.DATABASE_URL}'`;
const OPENAI = { OPENAI_API_KEY: '', OPENAI_BASE_URL: '', OPENAI_MODEL: '' };

/** By the name after `@promethean/adapter-`. The config that expressions stand in defines `scripts`, `namespace` and `tools`. */
export const adapters: Readonly<Record<string, AdapterUse>> = {
  'ai-sdk-llm': {
    setting: 'llm',
    imports: {
      '@ai-sdk/openai-compatible': 'createOpenAICompatible',
      '@promethean/adapter-ai-sdk-llm': 'makeAiSdkLlm',
    },
    expression: `makeAiSdkLlm({
    // Any provider of the AI SDK will do.
    model: createOpenAICompatible({
      name: 'local',
      baseURL: process.env['AI_BASE_URL'] ?? 'http://127.0.0.1:11434/v1',
    })(process.env['AI_MODEL'] ?? 'llama3.2'),
  })`,
    versions: { ai: '^7.0.0', '@ai-sdk/openai-compatible': '^3.0.0' },
    env: { AI_BASE_URL: 'http://127.0.0.1:11434/v1', AI_MODEL: 'llama3.2' },
    needs: 'the model server at AI_BASE_URL',
  },
  'bullmq-scheduler': {
    setting: 'schedule',
    imports: { '@promethean/adapter-bullmq-scheduler': 'makeBullmqScheduler' },
    expression: `makeBullmqScheduler({
    url: ${REDIS_URL},
    namespace,
    onError: (error) => console.error(String(error)),
  })`,
    env: REDIS,
    needs: 'a Redis of version 6.2 or later at REDIS_URL',
  },
  'cron-scheduler': { setting: 'schedule' },
  'function-tools': { setting: 'tools' },
  'mcp-tools': {
    setting: 'tools',
    imports: {
      '@promethean/adapter-function-tools': 'makeFunctionTools',
      '@promethean/adapter-mcp-tools': 'makeMcpTools',
    },
    expression: `makeMcpTools({
    servers: {
      // search: { url: 'https://mcp.example.com/mcp' },
    },
    local: makeFunctionTools({ tools }),
  })`,
    needs:
      'servers in pantheon.config.ts, and the names of their tools in the permissions of src/actors/researcher.ts',
  },
  'offline-llm': { setting: 'llm', expression: `'offline'` },
  'openai-llm': {
    setting: 'llm',
    expression: `'openai'`,
    env: OPENAI,
    needs: 'OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own',
  },
  'pino-log': { setting: 'log', expression: `{ level: 'info' }` },
  'postgres-journal': {
    setting: 'journal',
    imports: { '@promethean/adapter-postgres-journal': 'makePostgresJournal' },
    expression: `makePostgresJournal({
    url: ${POSTGRES_URL},
  })`,
    env: POSTGRES,
    needs: 'a PostgreSQL database at DATABASE_URL',
  },
  'postgres-lease': {
    setting: 'leases',
    imports: { '@promethean/adapter-postgres-lease': 'makePostgresLease' },
    expression: `makePostgresLease({
    url: ${POSTGRES_URL},
  })`,
    env: POSTGRES,
    needs: 'a PostgreSQL database at DATABASE_URL',
  },
  'postgres-state': {
    setting: 'state',
    imports: { '@promethean/adapter-postgres-state': 'makePostgresState' },
    expression: `makePostgresState({
    url: ${POSTGRES_URL},
    scripts,
  })`,
    env: POSTGRES,
    needs: 'a PostgreSQL database at DATABASE_URL',
  },
  'redis-bus': {
    setting: 'bus',
    imports: { '@promethean/adapter-redis-bus': 'makeRedisBus' },
    expression: `makeRedisBus({
    url: ${REDIS_URL},
    namespace,
    onError: (error) => console.error(String(error)),
  })`,
    env: REDIS,
    needs: 'a Redis of version 6.2 or later at REDIS_URL',
  },
  'redis-journal': {
    setting: 'journal',
    imports: { '@promethean/adapter-redis-journal': 'makeRedisJournal' },
    expression: `makeRedisJournal({
    url: ${REDIS_URL},
    namespace,
    onWarning: console.warn,
  })`,
    env: REDIS,
    needs: 'a Redis of version 6.2 or later at REDIS_URL, with appendonly yes',
  },
  'redis-lease': {
    setting: 'leases',
    imports: { '@promethean/adapter-redis-lease': 'makeRedisLease' },
    expression: `makeRedisLease({
    url: ${REDIS_URL},
    namespace,
    onWarning: console.warn,
  })`,
    env: REDIS,
    needs: 'a Redis of version 6.2 or later at REDIS_URL, with appendonly yes',
  },
  'redis-state': {
    setting: 'state',
    imports: { '@promethean/adapter-redis-state': 'makeRedisState' },
    expression: `makeRedisState({
    url: ${REDIS_URL},
    namespace,
    scripts,
  })`,
    env: REDIS,
    needs: 'a Redis of version 6.2 or later at REDIS_URL',
  },
  'sqlite-context': { setting: 'context', expression: `{ file: '.pantheon/context.db' }` },
  'sqlite-journal': { setting: 'journal', expression: `{ file: '.pantheon/journal.db' }` },
  'sqlite-state': { setting: 'state', expression: `{ file: '.pantheon/actors.db' }` },
};
