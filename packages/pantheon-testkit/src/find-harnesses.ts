import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errorMessage } from '@promethean/pantheon-core';
import { declarationOf, declarationProblem } from './declaration.ts';
import { isPortName, type MakeHarness, type PortName, portNames } from './harnesses.ts';
import { bounded } from './run-case.ts';
import type { Harness } from './suite.ts';

/** What the user has to change. The message is one sentence. */
export class UsageError extends Error {}

/** What is to be tested. */
export interface Target {
  /** Of the package that the harnesses belong to. */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly harnesses: readonly (readonly [port: PortName, makeHarness: MakeHarness<Harness>])[];
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly main?: string;
  readonly exports?: unknown;
  readonly pantheon?: unknown;
}

interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

const readPackage = (folder: string): Package | undefined => {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${errorMessage(error)}`);
  }
  if (typeof manifest !== 'object' || manifest === null || Array.isArray(manifest))
    throw new UsageError(`${path} must be an object.`);
  return { folder, manifest };
};

const foldersUpFrom = function* (folder: string): Iterable<string> {
  for (let here = folder; ; here = dirname(here)) {
    yield here;
    if (dirname(here) === here) return;
  }
};

/** The package that a file belongs to. */
const packageOf = (file: string): Package | undefined => {
  for (const folder of foldersUpFrom(dirname(file))) {
    const found = readPackage(folder);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** An installed package, as a module in `cwd` would find it; a package finds itself. */
const installedPackage = (name: string, cwd: string): Package | undefined => {
  for (const folder of foldersUpFrom(cwd)) {
    const own = readPackage(folder);
    if (own?.manifest.name === name) return own;
    const installed = join(folder, 'node_modules', name);
    if (existsSync(installed)) return readPackage(realpathSync(installed));
  }
  return undefined;
};

const CONDITIONS = ['node', 'import', 'module-sync', 'default'];

/** What an entry of `exports` names for an import under plain Node. */
const conditioned = (entry: unknown): string | undefined => {
  if (typeof entry === 'string') return entry;
  if (Array.isArray(entry)) return conditioned(entry[0]);
  if (typeof entry !== 'object' || entry === null) return undefined;
  const key = Object.keys(entry).find((condition) => CONDITIONS.includes(condition));
  return key === undefined ? undefined : conditioned((entry as Record<string, unknown>)[key]);
};

const entryOf = ({ exports, main }: Manifest, subpath: string): string | undefined => {
  if (exports === undefined) return subpath === '.' ? (main ?? 'index.js') : subpath;
  const isMap =
    typeof exports === 'object' &&
    exports !== null &&
    Object.keys(exports).some((key) => key.startsWith('.'));
  if (!isMap) return subpath === '.' ? conditioned(exports) : undefined;
  return conditioned((exports as Record<string, unknown>)[subpath]);
};

interface Located {
  /** The module with the harnesses. */
  readonly file: string;
  /** The package that it belongs to. */
  readonly owner?: Package | undefined;
  /** Whether it was asked for as that package. Any other file may be one of an application's tests, which declares nothing. */
  readonly isPackage: boolean;
}

const locate = (target: string, cwd: string): Located => {
  const isPath = /^\.{0,2}[/\\]|^\.{1,2}$|^file:/.test(target) || isAbsolute(target);
  const path = target.startsWith('file:') ? fileURLToPath(target) : resolve(cwd, target);
  const isThere = existsSync(path);
  if (isPath && !isThere) throw new UsageError(`There is no file ${target}.`);
  if (isThere && statSync(path).isFile())
    return { file: path, owner: packageOf(path), isPackage: false };
  const [, name = target, rest = ''] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(target) ?? [];
  const found = isPath ? readPackage(path) : installedPackage(name, cwd);
  if (found === undefined) {
    throw new UsageError(
      isPath
        ? `${target} is a folder without a package.json.`
        : `There is no package "${name}" here; install it, or give the path of a file.`,
    );
  }
  const { folder, manifest } = found;
  const { harness } = declarationOf(manifest.pantheon);
  const subpath = isPath ? '.' : `.${rest}`;
  const isDeclared = harness !== undefined && subpath === '.';
  const entry = isDeclared ? harness : entryOf(manifest, subpath);
  if (typeof entry !== 'string') {
    throw new UsageError(
      isDeclared
        ? `package.json of "${manifest.name}": pantheon.harness must be the path of a module.`
        : `The package "${manifest.name}" exports no module "${subpath}" that can be imported.`,
    );
  }
  return { file: resolve(folder, entry), owner: found, isPackage: true };
};

/** Refuses what was written for another contract than the one that the suites prove. */
const requireDeclaration = ({ manifest }: Package): void => {
  const problem = declarationProblem(manifest.pantheon);
  if (problem !== undefined) throw new UsageError(`package.json of "${manifest.name}": ${problem}`);
};

/** Imports the target's module and reads its harnesses. Throws `UsageError` where there are none. */
export const findHarnesses = async (
  target: string,
  cwd: string,
  timeoutMs: number,
): Promise<Target> => {
  const { file, owner, isPackage } = locate(target, cwd);
  const declaration = declarationOf(owner?.manifest.pantheon);
  if (owner !== undefined && (isPackage || owner.manifest.pantheon !== undefined))
    requireDeclaration(owner);
  let module: { readonly pantheonHarnesses?: unknown };
  try {
    module = (await bounded(
      () => import(pathToFileURL(file).href),
      'The import',
      timeoutMs,
    )) as typeof module;
  } catch (error) {
    throw new UsageError(`${target} cannot be imported: ${errorMessage(error)}`);
  }
  const exported = module.pantheonHarnesses;
  if (typeof exported !== 'object' || exported === null || Object.keys(exported).length === 0) {
    throw new UsageError(
      `${target} exports no harness; give a file that exports pantheonHarnesses, an object such as ` +
        `{ ${String(declaration.port ?? 'bus')}: () => harness }, or name that file in the adapter's package.json as pantheon.harness.`,
    );
  }
  const harnesses = Object.entries(exported).map(([port, makeHarness]) => {
    if (!isPortName(port))
      throw new UsageError(
        `pantheonHarnesses of ${target} has "${port}", which is no port; ports are ${portNames.join(', ')}.`,
      );
    if (typeof makeHarness !== 'function')
      throw new UsageError(
        `pantheonHarnesses.${port} of ${target} must be a function that makes a harness, not ${typeof makeHarness}.`,
      );
    return [port, makeHarness as MakeHarness<Harness>] as const;
  });
  const { port: declared } = declaration;
  if (declared !== undefined && !harnesses.some(([port]) => port === declared)) {
    throw new UsageError(
      `package.json of "${owner?.manifest.name}": pantheon.port is ${JSON.stringify(declared)}, and pantheonHarnesses has ${harnesses.map(([port]) => port).join(', ')} only.`,
    );
  }
  return { name: owner?.manifest.name, version: owner?.manifest.version, harnesses };
};
