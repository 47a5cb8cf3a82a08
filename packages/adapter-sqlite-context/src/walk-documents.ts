/** Finds the documents below a folder. */
import { readFile, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import ignore from 'ignore';

/** What is read as text. Everything else below the root is not looked at. */
const EXTENSIONS = /\.(?:md|mdx|markdown|mdown|txt|rst|adoc|asciidoc)$/i;

/** Never documentation of the project itself. Lines of a `.gitignore`; an application's `ignore` can take one back with `!`. */
const DEFAULT_IGNORE: readonly string[] = [
  '.git/',
  '.hg/',
  '.svn/',
  'node_modules/',
  'bower_components/',
  'dist/',
  'build/',
  'coverage/',
  '.cache/',
  '.next/',
  '.nuxt/',
  '.turbo/',
  '.venv/',
  'venv/',
  '__pycache__/',
  '.tox/',
  '.idea/',
  '.vscode/',
  'robots.txt',
  'requirements*.txt',
  'CMakeLists.txt',
];

/** The files with rules that are honoured in every folder; of two rules, that of the deeper folder wins. */
const RULE_FILES: readonly string[] = ['.gitignore', '.ignore'];

/** A file that was left out, or taken with a reservation. */
export interface FileNote {
  /** Relative to the source's root, with `/`. */
  readonly file: string;
  readonly reason: string;
}

/** A file to index. */
export interface FoundDocument {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly absolute: string;
}

/** What to look for. */
export interface WalkOptions {
  readonly root: string;
  /** Only files that match one of these patterns, written as in a `.gitignore`. */
  readonly include: readonly string[] | undefined;
  readonly ignore: readonly string[];
}

type Rules = ReturnType<typeof ignore>;

const readRules = async (folder: string): Promise<Rules | undefined> => {
  let rules: Rules | undefined;
  for (const name of RULE_FILES) {
    try {
      const text = await readFile(join(folder, name), 'utf8');
      rules = (rules ?? ignore({ allowRelativePaths: true })).add(text);
    } catch {
      // Most folders have none; one that cannot be read ignores nothing.
    }
  }
  return rules;
};

/**
 * The documents below the root, sorted by path. Links are not followed, so nothing outside of the root is reached. A folder that
 * cannot be read is noted and passed over; a root that cannot be read rejects with `file-unreadable`.
 */
export const walkDocuments = async (
  options: WalkOptions,
  isAborted: () => boolean,
): Promise<{ readonly found: FoundDocument[]; readonly skipped: FileNote[] }> => {
  const own = ignore({ allowRelativePaths: true })
    .add(DEFAULT_IGNORE)
    .add([...options.ignore]);
  const include = options.include
    ? ignore({ allowRelativePaths: true }).add([...options.include])
    : undefined;
  const found: FoundDocument[] = [];
  const skipped: FileNote[] = [];

  const visit = async (
    folder: string,
    prefix: string,
    outer: readonly { readonly base: string; readonly rules: Rules }[],
  ): Promise<void> => {
    if (isAborted()) return;
    const rules = await readRules(folder);
    const chain = rules ? [...outer, { base: prefix, rules }] : outer;
    const entries = await readdir(folder, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = `${prefix}${entry.name}`;
      const isFolder = entry.isDirectory();
      if (!isFolder && !EXTENSIONS.test(entry.name)) continue;
      const asRule = isFolder ? `${path}/` : path;
      let ignored = own.ignores(asRule);
      for (const { base, rules: at } of chain) {
        const result = at.test(asRule.slice(base.length));
        if (result.ignored) ignored = true;
        else if (result.unignored && !own.ignores(asRule)) ignored = false;
      }
      if (ignored) continue;
      if (isFolder) {
        try {
          await visit(join(folder, entry.name), `${path}/`, chain);
        } catch (error) {
          skipped.push({ file: `${path}/`, reason: `cannot be read: ${errorMessage(error)}` });
        }
      } else if (include !== undefined && !include.ignores(path)) {
        continue;
      } else if (entry.isFile()) {
        found.push({ path, absolute: join(folder, entry.name) });
      } else {
        skipped.push({ file: path, reason: 'is a link or a special file' });
      }
    }
  };

  let root: string;
  try {
    root = await realpath(options.root);
    await visit(root, '', []);
  } catch (error) {
    throw new PantheonError(
      'file-unreadable',
      `The folder ${options.root} cannot be read: ${errorMessage(error)}. Check the root of the source.`,
      { cause: error, details: { root: options.root } },
    );
  }
  return { found, skipped };
};
