/** The package managers that can install, and how one is asked to. */
import { Problem } from './problem.ts';
import { runCommand } from './run-command.ts';

export const packageManagers = ['npm', 'pnpm', 'yarn', 'bun'] as const;
export type PackageManager = (typeof packageManagers)[number];

/** The one that started this process, by the variable that all of them set; otherwise npm. */
export const guessPackageManager = (userAgent: string | undefined): PackageManager =>
  packageManagers.find((name) => userAgent?.startsWith(`${name}/`)) ?? 'npm';

/** What a project has for its package manager: TypeScript does not find packages in the archives of Yarn. */
export const filesFor = (manager: PackageManager | undefined): Readonly<Record<string, string>> =>
  manager === 'yarn' ? { '.yarnrc.yml': 'nodeLinker: node-modules\n' } : {};

/** The folder may lie in somebody's workspace, of which it is no part yet. */
const INSTALL: Readonly<Record<PackageManager, readonly string[]>> = {
  npm: ['install', '--no-audit', '--no-fund'],
  pnpm: ['install', '--ignore-workspace'],
  yarn: ['install'],
  bun: ['install'],
};

/** Installs the packages of a project whose files are there. Rejects with a `Problem`. */
export const installPackages = async (
  manager: PackageManager,
  folder: string,
  signal: AbortSignal,
): Promise<void> => {
  const end = await runCommand(manager, INSTALL[manager], folder, { signal });
  if (end === 0) return;
  const how =
    end === 'missing'
      ? `was not found`
      : end === 'aborted'
        ? 'was interrupted'
        : `failed (exit code ${end})`;
  throw new Problem(
    `${manager} install ${how}. The files in ${folder} are complete, its packages are not.`,
    end === 'missing'
      ? `Install ${manager}, or choose another with --package-manager, and install there.`
      : `Run "${manager} install" there when what is wrong has been mended; it is told above.`,
  );
};
