import { expect, test } from 'vitest';
import { declarationProblem } from './declaration.ts';

test('a declaration of the contract and of a port of this testkit is right', () => {
  expect(declarationProblem({ port: 'state', contract: 1 })).toBeUndefined();
  expect(declarationProblem({ port: 'bus', contract: 1, harness: './h.js' })).toBeUndefined();
});

test('an older contract than the one of the testkit is told what to do', () => {
  expect(declarationProblem({ port: 'bus', contract: 1 }, 2)).toBe(
    'pantheon.contract is 1, and this testkit proves contract 2; bring the adapter up to date, or prove it with a testkit of contract 1.',
  );
});

test('a newer contract is told before a port that only it has', () => {
  expect(declarationProblem({ port: 'journal', contract: 3 }, 2)).toMatch(
    /^pantheon\.contract is 3, .* contract 2; install a newer testkit/,
  );
});

test.each([0, -1, 1.5, Number.NaN, '1', null, true])('%j is no contract', (contract) => {
  expect(declarationProblem({ port: 'bus', contract })).toMatch(/^pantheon\.contract must be 1, /);
});

test.each([1, '', null, [], 'import'])('%j is no port', (port) => {
  expect(declarationProblem({ port, contract: 1 })).toMatch(/^pantheon\.port is .* no port; /);
});

test.each([null, [], 'bus', 1])('%j is no declaration', (field) => {
  expect(declarationProblem(field)).toMatch(/^pantheon must be an object such as /);
});
