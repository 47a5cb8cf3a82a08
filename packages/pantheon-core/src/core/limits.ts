/**
 * What an actor may do and use up. A child inherits the limits of all its ancestors; they are stored in its record when it is
 * spawned, so that they hold after a restart and in every process.
 */
import { PantheonError } from './errors.ts';
import type {
  Actor,
  ActorScript,
  Budget,
  JsonValue,
  Metadata,
  Permissions,
  ToolSpec,
} from './types.ts';

/** The key in an actor's metadata under which the orchestrator keeps its lineage. */
const LINEAGE = 'pantheon:lineage';

/** What can be used up. */
export type Resource = keyof Budget;

/** A budget and the actor whose script sets it; everybody below draws on it. */
export interface Account {
  readonly id: string;
  readonly budget: Budget;
}

/** The actor at the top of a spawn tree, and the tools that its script names. */
interface Root {
  readonly id: string;
  readonly tools?: readonly string[] | undefined;
}

/** Where an actor stands in its tree, and what it inherits from there. */
export interface Lineage {
  /** 0 for an actor that nobody spawned. */
  readonly depth: number;
  /** Undefined for an actor that nobody spawned and that has neither permissions nor a budget. */
  readonly root?: Root | undefined;
  /** Whether the state port knew the parent; if it does no longer, the parent was removed. */
  readonly isParentStored?: boolean | undefined;
  /** Own and inherited; each of them must permit. */
  readonly permissions: readonly Permissions[];
  readonly accounts: readonly Account[];
}

const FREE: Lineage = { depth: 0, permissions: [], accounts: [] };

const inherited = (actor: Actor): Lineage =>
  (actor.metadata?.[LINEAGE] as unknown as Lineage | undefined) ?? FREE;

/** Whether an actor was spawned by an action of its parent. */
export const isSpawned = (actor: Actor): boolean => inherited(actor).depth > 0;

/** Whether the state port knew the actor's parent when the actor was spawned. */
export const hadStoredParent = (actor: Actor): boolean => inherited(actor).isParentStored === true;

const rootOf = (actor: Actor, from: Lineage): Root | undefined =>
  from.depth > 0 ? from.root : { id: actor.id, tools: actor.script.permissions?.tools };

/** The lineage of an actor: what its record inherits, and what its own script adds. */
export const lineageOf = (actor: Actor): Lineage => {
  const { permissions, budget } = actor.script;
  const from = inherited(actor);
  if (permissions === undefined && budget === undefined) return from;
  return {
    depth: from.depth,
    root: rootOf(actor, from),
    permissions: permissions === undefined ? from.permissions : [...from.permissions, permissions],
    accounts: budget === undefined ? from.accounts : [...from.accounts, { id: actor.id, budget }],
  };
};

/** The metadata that hands `parent`'s limits on to a child. `isParentStored`: whether the state port knows the parent. */
export const lineageForChild = (parent: Actor, isParentStored: boolean): Metadata => {
  const { depth, permissions, accounts } = lineageOf(parent);
  const root = rootOf(parent, inherited(parent));
  // Through JSON on purpose: the record must be plain data, whatever the script's author put in.
  const child = { depth: depth + 1, root, isParentStored, permissions, accounts };
  return { [LINEAGE]: JSON.parse(JSON.stringify(child)) as JsonValue };
};

const matches = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );

/** Whether everyone in the lineage lets the actor use a tool or write to a target. */
export const permits = (lineage: Lineage, kind: 'tools' | 'targets', name: string): boolean =>
  lineage.permissions.length === 0 ||
  lineage.permissions.every((own) => own[kind] === undefined || matches(own[kind], name));

const isDestructive = (spec: ToolSpec | undefined): boolean => spec?.sideEffect === 'destructive';

/** Whether the root of the spawn tree names the tool. An actor without a list of its own does not; nor does one of an older record. */
const isNamedByRoot = ({ root }: Lineage, name: string): boolean =>
  root?.tools !== undefined && matches(root.tools, name);

/** The tools that an actor may use; the list itself where it may use all. */
export const usableTools = (lineage: Lineage, specs: readonly ToolSpec[]): readonly ToolSpec[] =>
  lineage.permissions.length === 0 && !specs.some(isDestructive)
    ? specs
    : specs.filter(
        (spec) =>
          permits(lineage, 'tools', spec.name) &&
          (!isDestructive(spec) || isNamedByRoot(lineage, spec.name)),
      );

/**
 * Refuses a tool that the actor may not use. `spec` is what the tool port tells of it, where it tells.
 *
 * @throws `permission-denied`, with what to add where.
 */
export const assertMayUse = (
  actor: Actor,
  lineage: Lineage,
  name: string,
  spec: ToolSpec | undefined,
): void => {
  if (!permits(lineage, 'tools', name)) {
    throw new PantheonError(
      'permission-denied',
      `${actor.id} may not use the tool ${name}; add it to permissions.tools of its script, and of the script of each ancestor that has such a list`,
    );
  }
  if (!isDestructive(spec) || isNamedByRoot(lineage, name)) return;
  const root = lineage.depth === 0 ? actor.id : lineage.root?.id;
  throw new PantheonError(
    'permission-denied',
    `${actor.id} may not use the tool ${name}: it is destructive, and nobody has allowed it; add it to permissions.tools of the script of ${root ?? 'the root of its spawn tree'}${lineage.depth === 0 ? '' : ', and of each script below that has such a list'}`,
    { details: { tool: name, rootId: root } },
  );
};

/** @throws `permission-denied` or `spawn-limit`. */
export const assertMaySpawn = (
  actor: Actor,
  script: ActorScript,
  children: number,
  limits: { readonly maxSpawnDepth: number; readonly maxChildren: number },
): void => {
  const { depth, permissions } = lineageOf(actor);
  if (permissions.some((own) => own.spawn === false)) {
    throw new PantheonError('permission-denied', `${actor.id} may not spawn ${script.name}`);
  }
  if (depth + 1 > limits.maxSpawnDepth) {
    throw new PantheonError(
      'spawn-limit',
      `${actor.id} may not spawn ${script.name}: ${limits.maxSpawnDepth} generations are the limit (maxSpawnDepth)`,
      { details: { limit: 'maxSpawnDepth', depth } },
    );
  }
  if (children + 1 > limits.maxChildren) {
    throw new PantheonError(
      'spawn-limit',
      `${actor.id} may not spawn ${script.name}: it has ${children} children, ${limits.maxChildren} are the limit (maxChildren)`,
      { details: { limit: 'maxChildren', children } },
    );
  }
};
