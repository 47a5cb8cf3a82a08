/**
 * Your own adapter: a state port that keeps its actors in one JSON file, proven by the suite of the testkit.
 * To see: every rule of `IActorStatePort` by its number, then an actor that outlives its port.
 * What all state ports refuse alike comes from `pantheon-core/adapter`; what is left is where the data goes.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActorRecord, ActorScript, IActorStatePort, Now } from '@promethean/pantheon-core';
import * as adapter from '@promethean/pantheon-core/adapter';
import {
  planSuite,
  type StateHarness,
  stateScripts,
  stateSuite,
} from '@promethean/pantheon-testkit';

interface FileStateOptions {
  readonly path: string;
  /** The scripts that stored actors may follow: a file cannot keep functions. */
  readonly scripts: readonly ActorScript[];
  readonly now?: Now;
}

/** Written as a whole and renamed, so that a crash leaves the old file or the new one. For one process. */
const makeFileState = ({ path, scripts, now = Date.now }: FileStateOptions): IActorStatePort => {
  const library = adapter.makeScriptLibrary(scripts);
  const stored: adapter.ActorRow[] = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];
  const rows = new Map(stored.map((row) => [row.id, row]));
  const json = (value: unknown): string | null => (value ? JSON.stringify(value) : null);
  const recordOf = (row: adapter.ActorRow): ActorRecord => adapter.recordOfRow(row, library);
  const write = (row: adapter.ActorRow): ActorRecord => {
    const next = new Map(rows).set(row.id, row);
    writeFileSync(`${path}.new`, JSON.stringify(Array.from(next.values())));
    renameSync(`${path}.new`, path);
    rows.set(row.id, row);
    return recordOf(row);
  };
  return {
    spawn: async (script, goal, options) => {
      const { id = randomUUID(), ...spawned } = adapter.readSpawn(script, goal, options);
      const existing = rows.get(id);
      if (existing !== undefined) return recordOf(existing);
      library.require(script);
      const at = now();
      return write({
        id,
        script: script.name,
        scriptVersion: script.version ?? null,
        goals: JSON.stringify(spawned.goals),
        state: 'idle',
        version: 1,
        parent: spawned.parentId ?? null,
        created: at,
        updated: at,
        metadata: json(spawned.metadata),
      });
    },
    get: async (id) => {
      const row = rows.get(id);
      return row && recordOf(row);
    },
    list: async ({ parentId, state, script } = {}) =>
      Array.from(rows.values(), recordOf)
        .filter((actor) => parentId === undefined || actor.parentId === parentId)
        .filter((actor) => state === undefined || actor.state === state)
        .filter((actor) => script === undefined || actor.script.name === script),
    update: async (id, patch, { expectedVersion } = {}) => {
      const row = rows.get(id);
      if (row === undefined) throw adapter.unknownActor(id);
      if (expectedVersion !== undefined && expectedVersion !== row.version)
        throw adapter.staleVersion(id, expectedVersion, row.version);
      const { goals, state, metadata } = adapter.applyPatch(adapter.changeableOf(row), patch);
      const version = row.version + 1;
      const changed = { goals: JSON.stringify(goals), state, metadata: json(metadata) };
      return write({ ...row, ...changed, version, updated: now() });
    },
  };
};

/** What the suite needs: a fresh, empty port for every case, and a clock that it can move. */
const harness = (): StateHarness => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-'));
  let time = 0;
  const path = join(folder, 'actors.json');
  return {
    state: makeFileState({ path, scripts: stateScripts, now: () => time }),
    advance: async (ms) => void (time += ms),
    close: async () => rmSync(folder, { recursive: true }),
    leftovers: () => (existsSync(folder) ? [folder] : []),
  };
};

const skipped: string[] = [];
const plan = planSuite(stateSuite, harness);
for (const { id, title, run } of plan) {
  const result = await run();
  console.log(result.status, id, title);
  if (result.status === 'failed') throw result.error;
  if (result.status === 'skipped') skipped.push(id);
}
const optional = ['state:4c', 'state:5b', 'state:8b', 'state:9', 'port:2'];
assert.deepEqual(
  skipped,
  optional,
  'it is not shared by processes, and has no remove and no close',
);
assert.ok(plan.length > 20);

const folder = mkdtempSync(join(tmpdir(), 'pantheon-'));
try {
  const options = { path: join(folder, 'actors.json'), scripts: stateScripts };
  const [clerk] = stateScripts as [ActorScript];
  const { id } = await makeFileState(options).spawn(clerk, 'file the letters');
  const revived = await makeFileState(options).get(id);
  console.log('revived:', revived?.script.name, revived?.goals);
  assert.deepEqual(revived?.goals, ['file the letters']);
} finally {
  rmSync(folder, { recursive: true });
}
