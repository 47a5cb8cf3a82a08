import { spawn } from 'node:child_process';

/** Starts Node with the terminal of this process, and ends as it ends. */
export const start = (root, node, args) => {
  const child = spawn(node, args, { cwd: root, stdio: 'inherit' });
  child.on('error', (error) => {
    console.error(`pantheon: Node does not start: ${error.message}.`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });

  // A signal to this process is passed on, once where it comes by several ways at the same time.
  let passedAt = 0;
  const pass = (signal) => {
    if (Date.now() - passedAt < 1_000) return;
    passedAt = Date.now();
    child.kill(signal);
  };
  process.on('SIGTERM', pass);
  // Ctrl-C reaches the child by itself.
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', (signal) => terminal || pass(signal));
  // npm passes a signal to its shell only, which dies of it and tells nobody.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    pass('SIGTERM');
  }, 500);
};
