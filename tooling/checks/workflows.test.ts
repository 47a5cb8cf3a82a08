/** What an intruder would look for in the workflows. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from './package-folder.ts';

interface Job {
  readonly permissions?: Readonly<Record<string, string>> | string;
  readonly environment?: unknown;
  readonly 'timeout-minutes'?: number;
  readonly strategy?: { readonly matrix?: { readonly node?: readonly number[] } };
  readonly steps: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly with?: Readonly<Record<string, unknown>>;
  }[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const PLACE = join(root, '.github/workflows');
const text = (file: string): string => readFileSync(join(PLACE, file), 'utf8');
const read = (file: string): Workflow => parse(text(file)) as Workflow;
const files = readdirSync(PLACE);
const jobs = files.flatMap((file) =>
  Object.entries(read(file).jobs).map(([name, job]) => ({ name: `${file} ${name}`, job })),
);
const grants = ({ permissions = {} }: Job): readonly string[] =>
  Object.entries(permissions)
    .filter(([, right]) => right !== 'read')
    .map(([scope]) => scope);

describe.each(files)('%s', (file) => {
  test('starts for nobody who could bring code and get our rights', () => {
    for (const trigger of ['pull_request_target', 'workflow_run', 'issue_comment'])
      expect(Object.keys(read(file).on)).not.toContain(trigger);
  });

  test('may only read, except where a job says more, and runs once at a time', () => {
    expect(read(file)).toMatchObject({ permissions: { contents: 'read' } });
    expect(read(file).concurrency).toBeDefined();
  });

  test('uses actions by the commit that was looked at, with the version beside it', () => {
    const uses = text(file)
      .split('\n')
      .filter((line) => /^\s*-?\s*uses:/.test(line));
    expect(uses).toHaveLength(
      Object.values(read(file).jobs).flatMap(({ steps }) => steps.filter((step) => step.uses))
        .length,
    );
    for (const line of uses) expect(line).toMatch(/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('puts nothing that a stranger can name into a shell', () => {
    for (const { steps } of Object.values(read(file).jobs))
      for (const { run = '' } of steps) expect(run).not.toContain('${{');
  });
});

const runsPackages = ({ run = '' }: Job['steps'][number]): boolean => /\bnpm\b|\.ci\/run/.test(run);

test.each(jobs)('$name ends by itself, and has no token where packages run', ({ job }) => {
  expect(job['timeout-minutes']).toBeLessThanOrEqual(60);
  const pushes = grants(job).includes('contents') && !job.steps.some(runsPackages);
  for (const step of job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@')))
    expect(step.with?.['persist-credentials'] === false).toBe(!pushes);
  for (const step of job.steps.filter(runsPackages)) expect(step.env).toBeUndefined();
});

test('one job alone may publish: in an environment, and without writing to the repository', () => {
  const publishing = jobs.filter(({ job }) => grants(job).includes('id-token'));
  expect(publishing.map(({ name }) => name)).toEqual(['release.yml publish']);
  expect(publishing[0]?.job.environment).toBe('npm');
  expect(grants(publishing[0]?.job as Job)).toEqual(['id-token']);
  // Trusted publishing needs no secret.
  for (const file of files) expect(text(file)).not.toContain('secrets.');
});

test('the tests run on every Node that we support', () => {
  expect(read('ci.yml').jobs['tests']?.strategy?.matrix?.node).toEqual([22, 24, 26]);
});
