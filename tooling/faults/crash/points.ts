/** The points of a tick at which a process is killed. */
export const CRASH_POINTS = [
  'before plan',
  'plan recorded',
  'intent recorded',
  'during the tool',
  'outcome recorded',
  'before complete',
  'before acknowledge',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];
