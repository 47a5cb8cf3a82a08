/**
 * What an actor may do and use up. A child inherits the limits of all its ancestors; they are stored in its record when it is
 * spawned, so that they hold after a restart and in every process.
 */
import { PantheonError } from './errors.ts';
import type { Actor, ActorScript, Budget, JsonValue, Metadata, Permissions } from './types.ts';

/** The key in an actor's metadata under which the orchestrator keeps its lineage. */
const LINEAGE = 'pantheon:lineage';

/** What can be used up. */
export type Resource = keyof Budget;

/** A budget and the actor whose script sets it; everybody below draws on it. */
export interface Account {
  readonly id: string;
  readonly budget: Budget;
}

/** Where an actor stands in its tree, and what it inherits from there. */
export interface Lineage {
  /** 0 for an actor that nobody spawned. */
  readonly depth: number;
  /** Own and inherited; each of them must permit. */
  readonly permissions: readonly Permissions[];
  readonly accounts: readonly Account[];
}

const FREE: Lineage = { depth: 0, permissions: [], accounts: [] };

const inherited = (actor: Actor): Lineage =>
  (actor.metadata?.[LINEAGE] as unknown as Lineage | undefined) ?? FREE;

/** The lineage of an actor: what its record inherits, and what its own script adds. */
export const lineageOf = (actor: Actor): Lineage => {
  const { permissions, budget } = actor.script;
  const from = inherited(actor);
  if (permissions === undefined && budget === undefined) return from;
  return {
    depth: from.depth,
    permissions: permissions === undefined ? from.permissions : [...from.permissions, permissions],
    accounts: budget === undefined ? from.accounts : [...from.accounts, { id: actor.id, budget }],
  };
};

/** The metadata that hands `parent`'s limits on to a child. */
export const lineageForChild = (parent: Actor): Metadata => {
  const { depth, permissions, accounts } = lineageOf(parent);
  // Through JSON on purpose: the record must be plain data, whatever the script's author put in.
  const child = { depth: depth + 1, permissions, accounts };
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

/** Keeps what was used up of every account, in this process. */
export class Ledger {
  readonly #spent = new Map<string, Map<Resource, number>>();
  readonly #exhausted: (account: Account, resource: Resource, limit: number) => void;

  constructor(exhausted: (account: Account, resource: Resource, limit: number) => void) {
    this.#exhausted = exhausted;
  }

  /** What is left of a resource; `Infinity` where no account limits it. */
  left(accounts: readonly Account[], resource: Resource): number {
    return accounts.reduce(
      (least, { id, budget }) =>
        Math.min(least, (budget[resource] ?? Infinity) - (this.#spent.get(id)?.get(resource) ?? 0)),
      Infinity,
    );
  }

  /**
   * Takes `amount` from all accounts, or from none.
   *
   * @throws `budget-exhausted`; nothing that was to be paid for may then happen.
   */
  reserve(accounts: readonly Account[], resource: Resource, amount: number): void {
    for (const account of accounts) {
      const limit = account.budget[resource];
      if (limit === undefined || this.left([account], resource) >= amount) continue;
      this.#exhausted(account, resource, limit);
      throw new PantheonError(
        'budget-exhausted',
        `the budget of ${account.id} has no ${resource} left (limit ${limit}); raise script.budget.${resource}`,
        { details: { accountId: account.id, resource, limit } },
      );
    }
    this.adjust(accounts, resource, amount);
  }

  /** Corrects a reservation when the real amount is known; also downwards. */
  adjust(accounts: readonly Account[], resource: Resource, by: number): void {
    for (const { id, budget } of accounts) {
      if (budget[resource] === undefined) continue;
      let spent = this.#spent.get(id);
      if (spent === undefined) this.#spent.set(id, (spent = new Map()));
      spent.set(resource, (spent.get(resource) ?? 0) + by);
    }
  }
}
