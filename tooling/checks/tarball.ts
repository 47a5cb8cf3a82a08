import { posix } from 'node:path';

/** What may be in a tarball that we publish. Pure: the files are given by their path from the package's folder. */

const SHIPPED =
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/.+\.(js|d\.ts)(\.map)?|docs\/.+\.md|src\/.+\.ts|templates\/.+)$/;
/** But the tests in a template, which are what it is for. */
const TEST = /^(?!templates\/).*\.test(-d)?\.(js|d\.ts|ts)(\.map)?$/;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];
const SECRETS: Readonly<Record<string, RegExp>> = {
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----\n/,
  'an API key': /\bsk-(proj-)?[A-Za-z0-9_]{32,}/,
  'a registry token': /\bnpm_[A-Za-z0-9]{36}\b/,
  'a GitHub token': /\bgh[oprsu]_[A-Za-z0-9]{36}\b/,
  'an AWS key': /\bAKIA[0-9A-Z]{16}\b/,
};

/** What is wrong with a packed package, one sentence each. `machinePath` is the folder that it was built in. */
export const tarballProblems = (
  files: ReadonlyMap<string, string>,
  machinePath: string,
): readonly string[] => {
  const problems: string[] = [];
  for (const [file, text] of files) {
    if (!SHIPPED.test(file) || TEST.test(file)) problems.push(`${file} must not be published`);
    // tsc leaves behind what it built from a source that is gone; a bundle is made anew each time, from many.
    const source = file.replace(/^dist\/(?!bundle\/)(.+?)(\.d)?\.(js|ts)(\.map)?$/, 'src/$1.ts');
    if (!files.has(source)) problems.push(`${file} has no source; delete dist and build again`);
    if (text.includes(machinePath)) problems.push(`${file} names a path of this machine`);
    for (const [secret, pattern] of Object.entries(SECRETS)) {
      if (pattern.test(text)) problems.push(`${file} contains ${secret}`);
    }
  }
  for (const file of ['README.md', 'LICENSE']) {
    if (!files.has(file)) problems.push(`${file} is missing`);
  }
  for (const [file, text] of files) {
    if (!/^docs\/.+\.md$/.test(file)) continue;
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|#)/.test(link)) continue;
      const target = posix.join(file, '..', link.split('#')[0] ?? '');
      if (!files.has(target)) problems.push(`${file} links to ${link}, which is not packed`);
    }
  }
  const manifest = files.get('package.json') ?? '{}';
  const protocol = /"(workspace|catalog):[^"]*"/.exec(manifest);
  if (protocol) problems.push(`package.json still says ${protocol[0]}, which no registry knows`);
  const { scripts = {}, exports = {} } = JSON.parse(manifest) as {
    readonly scripts?: Readonly<Record<string, string>>;
    readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  };
  for (const script of INSTALL_SCRIPTS) {
    if (scripts[script] !== undefined) problems.push(`package.json has a script "${script}"`);
  }
  for (const [entry, target] of Object.entries(exports)) {
    for (const path of typeof target === 'string' ? [target] : Object.values(target)) {
      if (!files.has(path.replace('./', ''))) {
        problems.push(`exports["${entry}"] names ${path}, which is not packed`);
      }
    }
  }
  return problems;
};
