/**
 * The ids of the last messages: at least `window` of them, at most twice as many. Two sets take turns, so that forgetting costs
 * nothing.
 */
export class RecentIds {
  readonly #window: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(window: number) {
    this.#window = window;
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  add(id: string): void {
    if (this.#window === 0) return;
    if (this.#young.size >= this.#window) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(id);
  }
}
