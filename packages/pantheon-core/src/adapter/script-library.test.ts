import { expect, test } from 'vitest';
import type { ActorScript } from '../core/types.ts';
import { makeScriptLibrary } from './script-library.ts';

const script = (name: string, version?: string): ActorScript => ({
  name,
  ...(version !== undefined && { version }),
  contextSources: [],
  talents: [],
});

test('a script is found by its name and version, and by nothing else', () => {
  const [clerk, clerk2, odd] = [script('clerk'), script('clerk', '2'), script('clerk@2')];
  const { find } = makeScriptLibrary([clerk, clerk2, odd, clerk]);
  expect(find('clerk', undefined)).toBe(clerk);
  expect(find('clerk', '2')).toBe(clerk2);
  expect(find('clerk@2', undefined)).toBe(odd);
  expect(() => find('clerk', '3')).toThrow(
    expect.objectContaining({
      code: 'script-unknown',
      message: expect.stringContaining('clerk@3') as string,
    }),
  );
});

test.each([
  ['no list', 'clerk' as never],
  ['a script without a name', [{ contextSources: [], talents: [] } as never]],
  ['nothing', [undefined as never]],
  ['a name that no store can keep', [script('cl\0erk')]],
  ['a version that no store can keep', [script('clerk', '\uD800')]],
  ['two scripts of one name', [script('clerk'), script('clerk')]],
])('%s is refused', (_what, scripts) => {
  expect(() => makeScriptLibrary(scripts)).toThrow(
    expect.objectContaining({ code: 'option-invalid' }),
  );
});

test('a script that could not be revived later is refused now', () => {
  const library = makeScriptLibrary([script('clerk')]);
  expect(() => library.require(script('clerk'))).not.toThrow();
  expect(() => library.require(script('courier'))).toThrow(
    expect.objectContaining({ code: 'script-unknown' }),
  );
  expect(() => library.require({} as never)).toThrow(
    expect.objectContaining({ code: 'actor-invalid' }),
  );
});
