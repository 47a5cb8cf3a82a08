import { createHash } from 'node:crypto';

/** A script and the digest by which Redis knows it. */
export interface LuaScript {
  readonly text: string;
  readonly sha: string;
}

/** A script that runs inside Redis, atomically. Every key that it touches must be among its KEYS, as Cluster, key prefixes and access rules need it. */
export const makeLuaScript = (text: string): LuaScript => ({
  text,
  sha: createHash('sha1').update(text).digest('hex'),
});
