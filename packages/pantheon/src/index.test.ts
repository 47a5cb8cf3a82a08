import * as core from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import * as umbrella from './index.ts';

test('every export of the core is here, and none is hidden by one of our own', () => {
  expect(umbrella).toMatchObject(core);
  expect(
    Object.keys(umbrella)
      .filter((name) => !(name in core))
      .toSorted(),
  ).toEqual(['defineConfig', 'defineTool', 'loadConfig', 'makePantheon']);
});
