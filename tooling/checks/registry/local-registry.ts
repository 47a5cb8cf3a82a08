/** Our packages as npm would have them after a release, on loopback. */
import { join } from 'node:path';
import { timed } from './command.ts';
import { type ReleaseClone, makeReleaseClone } from './release-clone.ts';
import type { PlannedPackage } from './release-plan.ts';
import { startVerdaccio } from './verdaccio.ts';

export interface RegistryOptions {
  /** An empty folder for all data; the caller removes it. */
  readonly work: string;
}

export interface LocalRegistry {
  /** `http://127.0.0.1:<port>/`. */
  readonly url: string;
  /** For npm, pnpm and yarn: this registry, a cache and a home of their own, an account that may publish, no provenance. */
  readonly env: NodeJS.ProcessEnv;
  /** What has been published last: version by name. */
  readonly versions: ReadonlyMap<string, string>;
  /** The copy of the repository that was released. */
  readonly clone: ReleaseClone;
  /** Versions what the changesets in the copy say, builds, and publishes it. */
  readonly release: () => Promise<readonly PlannedPackage[]>;
  readonly close: () => Promise<void>;
}

/** Starts the registry and releases the working tree to it. */
export const startRegistry = async ({ work }: RegistryOptions): Promise<LocalRegistry> => {
  const server = await timed('started the registry', () => startVerdaccio(join(work, 'registry')));
  try {
    const clone = await timed('copied the working tree', () =>
      makeReleaseClone(join(work, 'clone'), server.env),
    );
    const versions = new Map<string, string>();
    const release = async (): Promise<readonly PlannedPackage[]> => {
      const plan = await timed('versioned', clone.version);
      await timed('built', clone.build);
      const unreleased = [...clone.manifests().values()].find(({ version }) => version === '0.0.0');
      if (unreleased)
        throw new Error(`No changeset names ${unreleased.name}, which has never been released.`);
      await timed('published', () => clone.run('changeset', ['publish']));
      for (const { name, version } of clone.manifests().values()) versions.set(name, version);
      return plan;
    };
    await release();
    return { url: server.url, env: server.env, versions, clone, release, close: server.close };
  } catch (error) {
    await server.close();
    throw error;
  }
};
