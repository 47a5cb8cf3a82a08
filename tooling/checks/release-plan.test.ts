import { expect, test } from 'vitest';
import {
  kindOf,
  type PlannedPackage,
  releaseProblems,
  releaseTable,
} from './registry/release-plan.ts';

const planned = (name: string, fields: Partial<PlannedPackage> = {}): PlannedPackage => ({
  name: `@promethean/${name}`,
  from: '0.1.0',
  to: '0.1.0',
  isNamed: false,
  ...fields,
});
const core = (from: string, to: string): PlannedPackage =>
  planned('pantheon-core', { from, to, isNamed: true });
const adapter = (fields: Partial<PlannedPackage> = {}): PlannedPackage =>
  planned('adapter-made-bus', { peerFrom: 'workspace:^0', peerTo: 'workspace:^0', ...fields });
const umbrella = (to: string): PlannedPackage => planned('pantheon', { to, isNamed: true });

test('the kind of a release is the first number that rises', () => {
  expect(kindOf('0.1.0', '0.1.0')).toBe('none');
  expect(kindOf('0.1.0', '0.1.1')).toBe('patch');
  expect(kindOf('0.1.9', '0.2.0')).toBe('minor');
  expect(kindOf('0.9.9', '1.0.0')).toBe('major');
});

test('a release of the core that the adapters accept is all right', () => {
  expect(releaseProblems([core('0.1.0', '0.1.1'), adapter()])).toEqual([]);
  expect(releaseProblems([core('0.1.0', '0.2.0'), umbrella('0.2.0'), adapter()])).toEqual([]);
  const named = adapter({ to: '0.2.0', isNamed: true, peerTo: 'workspace:^1.0.0' });
  expect(releaseProblems([core('0.9.0', '1.0.0'), umbrella('1.0.0'), named])).toEqual([]);
});

test('workspace:^ is the version of the core that it is published with', () => {
  const testkit = planned('pantheon-testkit', {
    to: '0.2.0',
    isNamed: true,
    peerFrom: 'workspace:^',
    peerTo: 'workspace:^',
  });
  expect(releaseProblems([core('0.1.0', '0.2.0'), umbrella('0.2.0'), testkit])).toEqual([]);
});

test.each([
  [
    'an adapter that leaves users of the old core behind with a patch',
    [core('0.1.0', '0.2.0'), umbrella('0.2.0'), adapter({ to: '0.1.1', peerTo: 'workspace:^' })],
    /adapter-made-bus 0\.1\.1 no longer accepts .*core 0\.1\.0, so that "npm update" fails/,
  ],
  [
    'an adapter that does not accept the new core',
    [core('0.9.0', '1.0.0'), umbrella('1.0.0'), adapter()],
    /adapter-made-bus 0\.1\.0 does not accept .*core 1\.0\.0; its range is \^0\./,
  ],
  [
    'a breaking core under an umbrella that is only patched',
    [core('0.1.0', '0.2.0'), umbrella('0.1.1')],
    /pantheon exports what @promethean\/pantheon-core exports/,
  ],
  [
    'a minor that nobody asked for',
    [core('0.1.0', '0.1.1'), adapter({ to: '0.2.0' })],
    /adapter-made-bus gets a minor that no changeset asks for/,
  ],
])('%s is a problem', (_what, packages, sentence) => {
  const problems = releaseProblems(packages);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(sentence);
});

test('the table is in columns', () => {
  expect(releaseTable([core('0.1.0', '0.2.0'), adapter()])).toEqual([
    'package           version         kind   core as a peer',
    'pantheon-core     0.1.0 -> 0.2.0  minor',
    'adapter-made-bus  0.1.0           none   ^0',
  ]);
});
