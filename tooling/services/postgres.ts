/** A private PostgreSQL. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findBinary,
  freePort,
  type ServerProcess,
  startServer,
  versionsIn,
} from './server-process.ts';

/** The environment variable that names a running PostgreSQL to test against. Schemas are made and dropped in it. */
export const POSTGRES_URL = 'PANTHEON_POSTGRES_URL';

export interface PostgresOptions {
  /** Settings such as `{ max_connections: '20' }`. Default: durable, as PostgreSQL comes. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL of our own; user and database are `postgres`, without a password. */
export interface Postgres {
  readonly url: string;
  readonly port: number;
  readonly pid: () => number;
  /** Ends it at once without a checkpoint, as `pg_ctl stop -m immediate` does. */
  readonly crash: () => Promise<void>;
  /** Starts it again after `crash`, on the same port and data. */
  readonly start: () => Promise<void>;
  /** Ends it and removes its data. */
  readonly close: () => Promise<void>;
}

const folders = (): readonly string[] =>
  versionsIn('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
const binary = (name: string): string | undefined => findBinary(name, folders());

/** Whether `startPostgres` can work here. */
export const hasPostgres = (): boolean =>
  binary('postgres') !== undefined && binary('initdb') !== undefined;

/** PostgreSQL refuses to run as root. */
const unprivileged = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres', 'nobody']
    .map((user) => lines.find((one) => one.startsWith(`${user}:`)))
    .find((one) => one !== undefined);
  if (line === undefined) throw new Error('There is no user that PostgreSQL could run as.');
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
};

/** Starts a PostgreSQL on a free port of 127.0.0.1. */
export const startPostgres = async ({ settings = {} }: PostgresOptions = {}): Promise<Postgres> => {
  const [file, initdb] = [binary('postgres'), binary('initdb')];
  if (file === undefined || initdb === undefined)
    throw new Error('There is no PostgreSQL on this machine.');
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-postgres-'));
  const user = unprivileged();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--encoding=UTF8'];
  execFileSync(initdb, [...init, '--locale=C'], { stdio: 'pipe', ...user });
  const port = await freePort();
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  let server: ServerProcess | undefined;
  const start = async (): Promise<void> => {
    server = await startServer({
      file,
      args: [
        '-D',
        data,
        '-p',
        `${port}`,
        ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      log: join(folder, 'log'),
      ready: /database system is ready to accept connections/,
      user,
    });
  };
  await start();
  const crash = async (): Promise<void> => server?.end('SIGQUIT');
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    pid: () => (server as ServerProcess).pid,
    crash,
    start,
    close: async () => {
      await crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
