/** Something that the user can mend: one sentence with what is wrong, and what to do about it. The command line prints both. */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** What to do. */
  readonly advice: string;

  constructor(message: string, advice: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}
