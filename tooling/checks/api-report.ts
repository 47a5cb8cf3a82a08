/** The public signatures of one entry of a package, as text that changes when, and only when, an interface changes. */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diff } from 'node:util';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  ExtractorMessageCategory,
} from '@microsoft/api-extractor';

const NOTICE =
  'What this entry exports, extracted from its declarations. `pnpm check:api --update` writes this file; a change of it is a change for users.';
/** Comments that say nothing about a signature: whether it has a docstring, and that what is exported is public. */
const REMARKS =
  /^ *\/\/ (?:@public|\(undocumented\)|@public \(undocumented\)|\(No @packageDocumentation .*\))\n/gm;
const CONTEXT_LINES = 1;
const MOST_LINES = 60;

const DECLARED =
  /^(export )?(?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)/;

/** The names that a report says are exported. */
export const exportedNames = (report: string): ReadonlySet<string> =>
  new Set(
    report.split('\n').flatMap((line) => {
      const [, isExported, name] = DECLARED.exec(line) ?? [];
      return isExported !== undefined && name !== undefined ? [name] : [];
    }),
  );

/**
 * The report of what the extractor found: signatures only. What an entry names and does not export is part of its interface too, and
 * stands there, unless it is one of `known`: then another report tells when it changes.
 */
const signatures = (title: string, extracted: string, known: ReadonlySet<string>): string => {
  const code = extracted.split('```ts\n')[1]?.split('\n```')[0] ?? '';
  const declarations = code
    .replace(REMARKS, '')
    .trim()
    .split('\n\n')
    .filter((declaration) => {
      const [, isExported, name = ''] = DECLARED.exec(declaration) ?? [];
      return isExported !== undefined || !known.has(name);
    });
  return `# ${title}\n\n${NOTICE}\n\n\`\`\`ts\n${declarations.join('\n\n')}\n\`\`\`\n`;
};

/** Makes the report of an entry from its built declarations. Throws when they do not compile. */
export const apiReport = (
  packageFolder: string,
  title: string,
  declarations: string,
  known: ReadonlySet<string> = new Set(),
): string => {
  const work = mkdtempSync(join(realpathSync(tmpdir()), 'pantheon-api-'));
  const problems: string[] = [];
  const note = (message: ExtractorMessage): void => {
    message.handled = true;
    if (
      message.category === ExtractorMessageCategory.Compiler ||
      message.logLevel === ExtractorLogLevel.Error
    )
      problems.push(message.formatMessageWithLocation(packageFolder));
  };
  try {
    const config = ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(packageFolder, 'package.json'),
      configObject: {
        projectFolder: packageFolder,
        mainEntryPointFilePath: join(packageFolder, declarations),
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              target: 'ES2023',
              lib: ['ES2023', 'ES2024.String'],
              module: 'NodeNext',
              moduleResolution: 'NodeNext',
              strict: true,
              skipLibCheck: true,
              types: [],
            },
            files: [join(packageFolder, declarations)],
          },
        },
        apiReport: {
          enabled: true,
          reportFileName: 'entry.api.md',
          includeForgottenExports: true,
          reportFolder: work,
          reportTempFolder: join(work, 'made'),
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        newlineKind: 'lf',
        messages: {
          extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
          tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        },
      },
    });
    const { succeeded } = Extractor.invoke(config, { localBuild: true, messageCallback: note });
    if (!succeeded || problems.length > 0)
      throw new Error(problems.join('\n') || 'the extractor failed');
    const extracted = readFileSync(join(work, 'made', 'entry.api.md'), 'utf8');
    return signatures(title, extracted, known);
  } catch (error) {
    throw new Error(`The declarations of ${title} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

/** What differs, in lines that begin with `-` or `+`, with a little of what stands around them. Empty: nothing. */
export const changedLines = (tracked: string, built: string): readonly string[] => {
  if (tracked === built) return [];
  const lines = diff(built.split('\n'), tracked.split('\n'));
  const isNear = (index: number): boolean =>
    lines
      .slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1)
      .some(([operation]) => operation !== 0);
  const shown = lines.flatMap(([operation, line], index) =>
    isNear(index) ? [`${operation === 0 ? ' ' : operation > 0 ? '+' : '-'} ${line}`] : [],
  );
  return shown.length <= MOST_LINES
    ? shown
    : [...shown.slice(0, MOST_LINES), `... and ${shown.length - MOST_LINES} more lines`];
};
