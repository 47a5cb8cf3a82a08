import { fileURLToPath } from 'node:url';
import {
  chooseAdapters,
  configText,
  envText,
  manifestText,
  modelText,
  needsOf,
} from './app-config.ts';
import { copyTemplate } from './copy-template.ts';
import { filesFor } from './package-manager.ts';
import type { PackageManager } from './package-manager.ts';
import { packageNameOf } from './package-name.ts';

/** What `createApp` needs to know. */
export interface CreateAppOptions {
  /** The folder to make; it must not exist or be empty. Its name becomes the package's. */
  readonly target: string;
  /** Adapters beyond those that every app has, such as `redis-bus`; one a port. Default: none. */
  readonly adapters?: readonly string[];
  /** The version ranges of our packages, by their names. */
  readonly versions: Readonly<Record<string, string>>;
  /** The package manager that will install; `yarn` gets a setting of its own. Default `npm`. */
  readonly packageManager?: PackageManager;
  /** Its abort ends the making, before the target exists. */
  readonly signal?: AbortSignal;
}

/** What was made. */
export interface CreatedApp {
  /** The name of the package. */
  readonly name: string;
  /** The files of the app, sorted. */
  readonly files: readonly string[];
  /** What has to be there before it can start, a sentence for each. */
  readonly needs: readonly string[];
}

const TEMPLATE = fileURLToPath(new URL('../templates/app', import.meta.url));

/**
 * Makes an app of three actors that runs without a key.
 *
 * Rejects with a `Problem` when the folder's name is not one for a package, an adapter is unknown, two are for one port, or something is at
 * the target.
 */
export const createApp = async (options: CreateAppOptions): Promise<CreatedApp> => {
  const { target, adapters = [], versions, packageManager, signal } = options;
  const name = packageNameOf(target);
  const chosen = chooseAdapters(adapters);
  const needs = needsOf(chosen);
  const values = {
    name,
    model: modelText(chosen),
    needs:
      needs.length === 0
        ? ''
        : `\nBefore the first start it needs:\n\n${needs.map((need) => `- ${need}`).join('\n')}\n`,
  };
  const files = await copyTemplate(TEMPLATE, target, values, {
    files: {
      'package.json': manifestText(name, chosen, versions),
      'pantheon.config.ts': configText(name, chosen),
      '.env.example': envText(chosen),
      ...filesFor(packageManager),
    },
    ...(signal !== undefined && { signal }),
  });
  return { name, files, needs };
};
