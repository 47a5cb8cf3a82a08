/** A registry on loopback: knows our packages only from here, and everybody else's from the registry that npm is set to. */
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root } from '../package-folder.ts';
import { cleanEnvironment, runCommand } from './command.ts';

const DEFINITION = join(import.meta.dirname, 'verdaccio');
const START_DEADLINE_MS = 30_000;

/** Installs verdaccio as its lock file says, once per lock file; apart from the workspace, which depends on none of it. */
const install = async (): Promise<string> => {
  const lock = readFileSync(join(DEFINITION, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const place = join(root, 'node_modules/.cache/pantheon-registry', hash);
  if (existsSync(place)) return place;
  const making = `${place}.${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  cpSync(DEFINITION, making, { recursive: true });
  await runCommand('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: making,
    env: process.env,
  });
  // Whole or not at all; another run may have been faster.
  try {
    renameSync(making, place);
  } catch {
    rmSync(making, { recursive: true, force: true });
  }
  return place;
};

const configuration = (work: string, uplink: string): string =>
  JSON.stringify({
    storage: join(work, 'storage'),
    auth: { htpasswd: { file: join(work, 'htpasswd'), algorithm: 'bcrypt', rounds: 4 } },
    uplinks: { upstream: { url: uplink, timeout: '60s', maxage: '30m', max_fails: 20 } },
    packages: {
      // Never asked for upstream: what is not published here does not exist.
      '@promethean/*': { access: '$all', publish: '$authenticated' },
      'create-pantheon': { access: '$all', publish: '$authenticated' },
      // Adapters by others are published here too, by the check that follows the guide.
      'pantheon-adapter-*': { access: '$all', publish: '$authenticated' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '50mb',
    log: { type: 'stdout', format: 'json', level: 'error' },
    web: { enable: false },
  });

const portOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    let output = '';
    const late = setTimeout(
      () => reject(new Error(`The registry did not start in time.\n${output}`)),
      START_DEADLINE_MS,
    );
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('exit', (code) => reject(new Error(`The registry ended with ${code}.\n${output}`)));
    child.once('message', (message) => {
      clearTimeout(late);
      resolve((message as { readonly port: number }).port);
    });
  });

/** Makes an account, and returns the token with which it publishes. */
const signUp = async (url: string): Promise<string> => {
  const response = await fetch(`${url}-/user/org.couchdb.user:tester`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'tester', password: 'only-on-loopback' }),
  });
  const { token } = (await response.json()) as { readonly token?: string };
  if (token === undefined) throw new Error(`The registry gave no account (${response.status}).`);
  return token;
};

export interface Verdaccio {
  /** With a slash at the end. */
  readonly url: string;
  readonly env: NodeJS.ProcessEnv;
  readonly close: () => Promise<void>;
}

/** Starts a registry with its data, and the homes of its users, in `work`. */
export const startVerdaccio = async (work: string): Promise<Verdaccio> => {
  const installed = await install();
  const upstream = await runCommand('npm', ['config', 'get', 'registry'], {
    cwd: root,
    env: process.env,
  });
  mkdirSync(work, { recursive: true });
  const config = join(work, 'verdaccio.yaml');
  writeFileSync(config, configuration(work, upstream.trim()));
  const child = fork(join(import.meta.dirname, 'verdaccio-process.mjs'), [installed, config], {
    cwd: work,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    // Held, so that the wait for it is one.
    child.ref();
    child.kill('SIGKILL');
    await ended;
  };
  try {
    const url = `http://127.0.0.1:${await portOf(child)}/`;
    // Does not keep a check alive that forgot to close it; it ends with us.
    child.unref();
    child.channel?.unref();
    const home = join(work, 'home');
    mkdirSync(home);
    const token = await signUp(url);
    writeFileSync(join(home, '.npmrc'), `${url.replace('http:', '')}:_authToken=${token}\n`);
    const env = {
      ...cleanEnvironment(),
      HOME: home,
      npm_config_registry: url,
      npm_config_cache: join(work, 'npm-cache'),
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
      npm_config_yes: 'true',
      // Provenance is an identity of the CI that publishes; there is none here.
      npm_config_provenance: 'false',
      // The modern Yarn has names of its own.
      YARN_NPM_REGISTRY_SERVER: url.slice(0, -1),
      YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
      YARN_ENABLE_TELEMETRY: '0',
      // It would not take what was published a minute ago.
      YARN_NPM_MINIMAL_AGE_GATE: '0',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    };
    return { url, env, close };
  } catch (error) {
    await close();
    throw error;
  }
};
