/** What the sidebar shows, from top to bottom. A document of docs/ that is missing here fails the build. */
export interface Section {
  readonly title: string;
  /** Documents by their paths in the repository; a folder stands for its documents, in the order of their names. */
  readonly documents: readonly string[];
  /** Folded until one of its pages is read. */
  readonly folded?: boolean;
}

export const before: readonly Section[] = [
  {
    title: 'Start',
    documents: ['docs/guide/tutorial.md', 'docs/guide/concepts.md', 'docs/guide/patterns.md'],
  },
  {
    title: 'Guides',
    documents: [
      'docs/guide/choose-adapters.md',
      'docs/guide/guarantees.md',
      'docs/guide/approvals.md',
      'docs/guide/production.md',
      'docs/guide/testing.md',
      'docs/guide/write-an-adapter.md',
    ],
  },
];

/** What follows the packages and the adapters. */
export const after: readonly Section[] = [
  { title: 'Reference', documents: ['docs/reference'] },
  {
    title: 'Background',
    documents: ['docs/guide/comparison.md', 'docs/guide/from-the-specification.md'],
  },
  { title: 'Decisions', documents: ['docs/decisions'], folded: true },
];

/** With the changelog, which is made of those of the packages. */
export const project: Section = {
  title: 'Project',
  documents: ['VERSIONING.md', 'SECURITY.md', 'CONTRIBUTING.md'],
};
