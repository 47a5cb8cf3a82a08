/**
 * Other frameworks in workload W1. They are no part of the workspace, so that an ordinary install stays light:
 * `npm install --prefix tooling/bench/peers` fetches them, and `npm run bench -- --peers` lets those that are there take part.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Post } from './messages.ts';
import type { TurnDesk } from './turn-desk.ts';

/** What a file of the folder `peers` exports. */
interface Peer {
  /** Makes one turn of the n-th actor, which asks the desk's ports as everybody does. */
  readonly makeTurn: (desk: TurnDesk) => (n: number) => Promise<unknown>;
  /** Passes bare messages between actors, where the rival has such. */
  readonly makePost?: () => Post;
}

const FOLDER = new URL('peers/', import.meta.url);

/** The npm package of each rival, by the name of its file. */
const PACKAGES: Readonly<Record<string, string>> = {
  nact: 'nact',
  xstate: 'xstate',
  'ai-sdk': 'ai',
  'openai-agents': '@openai/agents-core',
  langgraph: '@langchain/langgraph',
};

export const importPeer = async (name: string): Promise<Peer> =>
  (await import(new URL(`${name}.mjs`, FOLDER).href)) as Peer;

/** The versions of the rivals that are installed, by name. */
export const installedPeers = (): Readonly<Record<string, string>> => {
  const versions: Record<string, string> = {};
  for (const [name, packageName] of Object.entries(PACKAGES)) {
    const manifest = new URL(`node_modules/${packageName}/package.json`, FOLDER);
    if (!existsSync(manifest)) continue;
    versions[name] = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  }
  return versions;
};
