import { defineConfig } from 'vitest/config';

// One run for the whole repository. The private condition makes every import of a package of ours resolve to its source.
const conditions = ['@promethean/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{packages,apps,tooling}/*/{src,eval,test}/**/*.test.ts', 'tooling/**/*.test.ts'],
    isolate: false,
    testTimeout: 20_000,
    // Tests on real servers wait more than they work.
    maxWorkers: 3,
    reporters: ['default', './tooling/checks/summary-reporter.ts'],
  },
});
