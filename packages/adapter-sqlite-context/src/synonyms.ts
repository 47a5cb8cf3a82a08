/**
 * Words that technical writing uses for one another, so that a question need not guess the author's. A general list: nothing in
 * it comes from a particular project. A group's words find each other; several words are found as a phrase in the question only.
 */
import { termsOf } from './terms.ts';

const GROUPS: readonly string[] = [
  'delete, remove, erase, drop, destroy, purge, uninstall, get rid of, clear',
  'disable, turn off, switch off, deactivate, opt out, suppress, prevent, stop',
  'enable, turn on, switch on, activate, opt in, allow',
  'create, make, add, new, generate, define',
  'change, modify, update, edit, alter, set, customize, override',
  'configure, configuration, config, set up, setup, setting, settings, option, options',
  'install, installation, set up, setup',
  'start, run, launch, boot, begin, execute, invoke',
  'stop, halt, terminate, shut down, shutdown, kill, end, exit',
  'show, display, list, print, view, output',
  'maximum, max, limit, largest, highest, upper, at most, how many, how big, how large',
  'minimum, min, smallest, lowest, least, at least',
  'default, by default, preset, unless specified',
  'folder, directory, dir',
  'repository, repo',
  'database, db',
  'environment variable, env var, env',
  'argument, arg, parameter, param, flag, option',
  'property, attribute, field, key',
  'function, method, callback, hook',
  'authentication, auth, authenticate, login, log in, sign in, credentials',
  'log out, logout, sign out',
  'permission, access, authorization, right, role, privilege, allowed',
  'password, secret, credential, token',
  'error, failure, exception, fail, problem, crash',
  'fix, repair, resolve, solve, troubleshoot, workaround',
  'require, required, requirement, prerequisite, mandatory, necessary, depend',
  'version, release',
  'upgrade, update, migrate, migration',
  'fast, speed, performance, quick, faster',
  'slow, latency, delay',
  'timeout, time out, deadline, expire, expiration, expiry, valid, lifetime, ttl, how long',
  'retry, repeat, attempt, retries',
  'wait, delay, pause, sleep, block',
  'duration, interval, period, how often, frequency',
  'cache, caching, cached, memoize',
  'image, picture, photo',
  'document, doc, page, file',
  'test, testing, check, verify, validate',
  'mock, stub, fake, simulate',
  'command line, cli, terminal, shell, command, console',
  'user interface, ui',
  'user, account, member',
  'customer, client, consumer',
  'send, post, submit, publish, emit, dispatch',
  'receive, get, fetch, retrieve, obtain, read, load',
  'store, save, persist, persistence, write, keep',
  'copy, duplicate, clone',
  'rename, move',
  'replace, substitute, swap, instead of, supersede',
  'deprecated, obsolete, legacy, removed, replaced',
  'choose, select, pick, specify',
  'restrict, limit, filter, only',
  'ignore, exclude, skip, omit',
  'include, contain, embed',
  'combine, merge, join, concatenate',
  'split, divide, separate, chunk',
  'convert, transform, translate, turn into',
  'connect, connection, link, attach',
  'encrypt, encryption, cipher',
  'backup, back up, snapshot, dump',
  'restore, recover, recovery',
  'schedule, cron, periodic, recurring',
  'parallel, concurrent, concurrency, simultaneous, at the same time',
  'sequential, in order, one by one, serial',
  'size, length, bytes',
  'port, listen',
  'server, host, backend',
  'browser, client side, frontend',
  'deploy, deployment, ship, production, release',
  'build, compile, bundle',
  'language, locale, translation, i18n',
  'string, text',
  'number, integer, numeric',
  'example, sample, demo',
  'tutorial, guide, getting started, quickstart',
  'price, cost, pricing, charge, billing, bill',
  'supported, support, compatible, compatibility',
  'forbid, disallow, deny, reject, refuse, prohibit, not allowed',
  'different, difference, differ, versus, vs, compare, comparison',
  'kind, type, sort',
  'own, custom',
  'shared, common, global',
  'whole, entire, complete, full',
];

const bySingle = new Map<string, Set<string>>();
const byPhrase = new Map<string, Set<string>>();
for (const group of GROUPS) {
  const members = group.split(',').map((member) => termsOf(member));
  const singles = members.filter((terms) => terms.length === 1).map((terms) => terms[0]!);
  for (const terms of members) {
    const table = terms.length === 1 ? bySingle : byPhrase;
    const key = terms.join(' ');
    const known = table.get(key) ?? new Set();
    for (const single of singles) if (single !== key) known.add(single);
    table.set(key, known);
  }
}

/** Terms that may stand for this one. */
export const synonymsOf = (term: string): readonly string[] => [...(bySingle.get(term) ?? [])];

/** Terms that may stand for these two or three in a row. */
export const phraseSynonymsOf = (terms: readonly string[]): readonly string[] => [
  ...(byPhrase.get(terms.join(' ')) ?? []),
];
