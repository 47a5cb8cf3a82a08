import { PantheonError } from '../core/errors.ts';
import { nameProblem } from '../core/text.ts';

/** Refuses numbers of an adapter's options that are no whole numbers from `least` up, by the name of the option. */
export const requireWhole = (values: Readonly<Record<string, number>>, least: number): void => {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new PantheonError(
      'option-invalid',
      `${name} must be a whole number from ${least}, not ${String(value)}.`,
    );
  }
};

/** Refuses a name that is given and that no port may use: empty, longer than 256 bytes, with control characters. */
export const requireOptionName = (what: string, value: string | undefined): void => {
  const problem = value === undefined ? undefined : nameProblem(value);
  if (problem !== undefined) throw new PantheonError('option-invalid', `${what} ${problem}.`);
};
