/** Lets jobs of one name run one after the other; jobs of different names do not wait for each other. */
export type Turns = <T>(name: string, job: () => Promise<T>) => Promise<T>;

export const makeTurns = (): Turns => {
  const last = new Map<string, Promise<unknown>>();
  return async (name, job) => {
    const before = last.get(name);
    const own = before === undefined ? job() : before.then(job, job);
    last.set(name, own);
    try {
      return await own;
    } finally {
      if (last.get(name) === own) last.delete(name);
    }
  };
};
