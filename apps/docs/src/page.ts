/** One page of the site. The pages of the reference are written by typedoc, and are not among these. */
export interface Page {
  /** Its address without the leading slash: `guide/tutorial`. `index` is the home page. */
  readonly route: string;
  /** As the sidebar shows it. */
  readonly title: string;
  /** The document that it shows, by its path in the repository; undefined where the build makes the text. */
  readonly source: string | undefined;
  readonly markdown: string;
}

/** The title of a document: what its front matter says, or its first heading. */
export const titleOf = (markdown: string): string | undefined => {
  const [front = ''] = /^---\n.*?\n---\n/s.exec(markdown) ?? [];
  const title = /^title: *(.+)$/m.exec(front)?.[1] ?? /^# +(.+)$/m.exec(markdown)?.[1];
  return title?.replaceAll(/[`'"]/g, '').trim();
};
