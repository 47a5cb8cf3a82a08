import type { StandardSchemaV1 } from '@standard-schema/spec';
import { pathText } from './path.ts';

/** What is wrong with a value, and where. Plain data. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

const MOST_ISSUES = 5;

const keyOf = (segment: PropertyKey | StandardSchemaV1.PathSegment): PropertyKey =>
  typeof segment === 'object' ? segment.key : segment;

/** The first issues of a schema's verdict, with paths that start at `root`. */
export const issuesOf = (root: string, failure: StandardSchemaV1.FailureResult): readonly Issue[] =>
  failure.issues.slice(0, MOST_ISSUES).map(({ message, path = [] }) => ({
    path: pathText(root, path.map(keyOf)),
    message: message.slice(0, 200),
  }));

/** Issues as one line. */
export const issuesText = (issues: readonly Issue[]): string =>
  issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
