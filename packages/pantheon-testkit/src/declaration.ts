import { portNames } from './harnesses.ts';
import { contractVersion } from './suite.ts';

/** What the package.json of an adapter says of it under `pantheon`. */
export interface Declaration {
  readonly port?: unknown;
  readonly contract?: unknown;
  /** The path of the module that exports `pantheonHarnesses`, where it is not the package's entry. */
  readonly harness?: unknown;
}

/** The import suite is a rule of all ports, and none that an adapter can be for. */
const PORTS = portNames.filter((port) => port !== 'import');
/** Ports that are a plain function. */
const FUNCTIONS: readonly unknown[] = ['log', 'now'];

const quoted = (value: unknown): string => JSON.stringify(value);

/** The field as far as it can be read; what is wrong with it tells `declarationProblem`. */
export const declarationOf = (field: unknown): Declaration =>
  typeof field === 'object' && field !== null ? field : {};

/**
 * Why an adapter that declares this cannot be proved by suites of the contract `kit`: one sentence that begins with what is wrong.
 * `undefined`: it can be.
 */
export const declarationProblem = (
  field: unknown,
  kit: number = contractVersion,
): string | undefined => {
  const example = `{ "port": "bus", "contract": ${kit} }`;
  if (field === undefined)
    return `pantheon is missing; an adapter says there what it is, as in "pantheon": ${example}.`;
  if (typeof field !== 'object' || field === null || Array.isArray(field))
    return `pantheon must be an object such as ${example}, not ${quoted(field)}.`;
  const { port, contract } = declarationOf(field);
  if (contract === undefined)
    return `pantheon.contract is missing; this testkit proves contract ${kit}: "contract": ${kit}.`;
  if (typeof contract !== 'number' || !Number.isInteger(contract) || contract < 1)
    return `pantheon.contract must be ${kit}, not ${quoted(contract)}.`;
  const differs = `pantheon.contract is ${contract}, and this testkit proves contract ${kit}`;
  // Before the port: a newer contract may have ports that this testkit does not know.
  if (contract > kit)
    return `${differs}; install a newer testkit: npm install --save-dev @promethean/pantheon-testkit@latest.`;
  if (contract < kit)
    return `${differs}; bring the adapter up to date, or prove it with a testkit of contract ${contract}.`;
  if (port === undefined)
    return `pantheon.port is missing; ports with a suite are ${PORTS.join(', ')}.`;
  if (FUNCTIONS.includes(port))
    return `pantheon.port is ${quoted(port)}, a plain function that no suite proves.`;
  if (typeof port !== 'string' || !PORTS.includes(port))
    return `pantheon.port is ${quoted(port)}, which is no port; ports with a suite are ${PORTS.join(', ')}.`;
  return undefined;
};
