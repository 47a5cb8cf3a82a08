/** What a workload found out, as plain data: tables to print, and targets that are met or not. */

/** Figures of one kind: a row for each contestant, a column for each circumstance. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    /** Absent where there is nothing to be had. */
    readonly values: readonly (number | undefined)[];
  }[];
}

/** What is aimed at. */
export interface Target {
  readonly what: string;
  readonly actual: number;
  readonly limit: number;
  /** Whether the limit is the most or the least that will do. */
  readonly sense: 'most' | 'least';
}

/** What one workload came to. */
export interface Result {
  readonly title: string;
  /** What was left out, in sentences. */
  readonly notes?: readonly string[];
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
}

/** How thoroughly a workload is run. */
export interface Effort {
  /** A smoke run: shows that everything works; its figures mean nothing. */
  readonly quick: boolean;
  /** How often each contestant has its turn. */
  readonly repetitions: number;
  /** The names of the rivals that are installed and wanted. */
  readonly peers: readonly string[];
}

export type Workload = (effort: Effort) => Promise<Result>;

export const isMet = ({ actual, limit, sense }: Target): boolean =>
  sense === 'most' ? actual <= limit : actual >= limit;
