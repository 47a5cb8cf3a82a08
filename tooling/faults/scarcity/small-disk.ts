/** A disk of a few megabytes, in memory, that a test can fill. To mount it takes the rights of root. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small disk. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves so many bytes. */
  readonly fill: (leftBytes?: number) => void;
  readonly free: () => void;
  readonly close: () => void;
}

/** Mounts a disk of so many megabytes. */
export const makeSmallDisk = (megabytes: number): SmallDisk => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-disk-'));
  const options = `size=${megabytes}m,mode=1777`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'pantheon', folder], { stdio: 'pipe' });
  // What is measured lies beside it, so that the ballast can be let go alone.
  mkdirSync(join(folder, 'ballast'));
  const ballast = join(folder, 'ballast/ballast');
  return {
    folder,
    fill: (leftBytes = 0) => {
      const chunk = Buffer.alloc(4_096, 1);
      const file = openSync(ballast, 'a');
      let size = 0;
      try {
        for (;;) size += writeSync(file, chunk);
      } catch {
        // It is full.
      } finally {
        closeSync(file);
      }
      if (leftBytes > 0) truncateSync(ballast, Math.max(0, size - leftBytes));
    },
    free: () => rmSync(ballast, { force: true }),
    close: () => {
      execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Whether a disk can be mounted here. */
export const hasSmallDisks = (): boolean => {
  try {
    makeSmallDisk(1).close();
    return true;
  } catch {
    return false;
  }
};
