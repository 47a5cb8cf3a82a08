export type { Case, Harness, Suite } from './suite.ts';
