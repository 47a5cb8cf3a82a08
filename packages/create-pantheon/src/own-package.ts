import { readFile } from 'node:fs/promises';

/** What this package says about itself. */
export interface OwnPackage {
  readonly version: string;
  /** The ranges of our packages that templates ask for: those that this version was released with. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Reads this package's manifest. */
export const readOwnPackage = async (): Promise<OwnPackage> => {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  const { version, peerDependencies } = JSON.parse(text) as {
    readonly version: string;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  return { version, versions: peerDependencies };
};
