/** A session on a real PostgreSQL that fails in the ways a connection does. */
import pg from 'pg';

/** A session on which answers can be lost, and one statement at a time can be held back. */
export interface UnreliableSession {
  readonly session: {
    readonly query: (
      text: string,
      values?: unknown[],
    ) => Promise<{ readonly rows: readonly unknown[] }>;
  };
  /** Breaks after the next statement that matches was executed. */
  readonly loseAnswer: (to: RegExp) => void;
  /** Holds a statement back from when it is asked until `letGo`. */
  readonly holdBack: (to: RegExp) => { readonly asked: Promise<void>; readonly letGo: () => void };
  readonly close: () => Promise<void>;
}

export const openUnreliableSession = async (url: string): Promise<UnreliableSession> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let forgets: RegExp | undefined;
  let held: { to: RegExp; asked: () => void; until: Promise<void> } | undefined;
  return {
    session: {
      query: async (text, values) => {
        if (held?.to.test(text) === true) {
          held.asked();
          await held.until;
        }
        const answer = await client.query(text, values);
        if (forgets?.test(text) === true) {
          forgets = undefined;
          throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
        }
        return answer;
      },
    },
    loseAnswer: (to) => void (forgets = to),
    holdBack: (to) => {
      let letGo = (): void => undefined;
      const until = new Promise<void>((resolve) => (letGo = resolve));
      const asked = new Promise<void>((resolve) => (held = { to, asked: resolve, until }));
      return { asked, letGo };
    },
    close: () => client.end(),
  };
};
