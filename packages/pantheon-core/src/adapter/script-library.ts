import { PantheonError } from '../core/errors.ts';
import type { ActorScript } from '../core/types.ts';
import { nameProblem } from '../core/text.ts';

/** The scripts that a durable state port may revive. */
export interface ScriptLibrary {
  /** The script with that name and version. Throws `script-unknown` with both. */
  readonly find: (name: string, version: string | undefined) => ActorScript;
  /** Refuses a script that could not be revived later. Throws `script-unknown`, or `actor-invalid` for what is no script. */
  readonly require: (script: ActorScript) => void;
}

const titleOf = (name: string, version: string | undefined): string =>
  version === undefined ? name : `${name}@${version}`;
const versionProblem = (version: string | undefined): string | undefined =>
  version === undefined ? undefined : nameProblem(version);
/** Unambiguous where a name contains an @. */
const keyOf = (name: string, version: string | undefined): string =>
  JSON.stringify([name, version]);

/**
 * Finds scripts by name and version: a store keeps these two, since a script has functions. Throws `option-invalid` where two
 * scripts have both in common, or one has no name.
 */
export const makeScriptLibrary = (scripts: readonly ActorScript[]): ScriptLibrary => {
  if (!Array.isArray(scripts)) throw new PantheonError('option-invalid', 'scripts must be a list.');
  const byKey = new Map<string, ActorScript>();
  for (const [index, script] of scripts.entries()) {
    const problem = nameProblem(script?.name) ?? versionProblem(script.version);
    if (problem !== undefined)
      throw new PantheonError(
        'option-invalid',
        `The name or version of scripts[${index}] ${problem}.`,
      );
    const key = keyOf(script.name, script.version);
    if (byKey.has(key) && byKey.get(key) !== script) {
      throw new PantheonError(
        'option-invalid',
        `scripts has two scripts ${titleOf(script.name, script.version)}; give them different versions.`,
      );
    }
    byKey.set(key, script);
  }
  const find = (name: string, version: string | undefined): ActorScript => {
    const script = byKey.get(keyOf(name, version));
    if (script !== undefined) return script;
    const title = titleOf(name, version);
    throw new PantheonError(
      'script-unknown',
      `The script ${title} is not among the scripts that this state may revive; add it to its option "scripts".`,
      { details: { name, version } },
    );
  };
  return {
    find,
    require: (script) => {
      if (typeof script !== 'object' || script === null || typeof script.name !== 'string')
        throw new PantheonError('actor-invalid', 'spawn takes a script with a name.');
      find(script.name, script.version);
    },
  };
};
