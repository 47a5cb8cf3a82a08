import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

export interface StaticServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** The path that is asked for; undefined where it is not one. It begins with a slash, and no `..` leads out of that. */
const pathOf = (address: string): string | undefined => {
  try {
    return normalize(decodeURIComponent(new URL(address, 'http://localhost').pathname));
  } catch {
    return undefined;
  }
};

/** Serves a folder on a free port of the loopback interface, with `/guide/tutorial` for guide/tutorial.html as static hosts do. */
export const serveFolder = async (folder: string): Promise<StaticServer> => {
  const find = async (path: string): Promise<{ file: string; body: Buffer } | undefined> => {
    const names = path.endsWith('/') ? [`${path}index.html`] : [path, `${path}.html`];
    for (const name of names) {
      const file = join(folder, name);
      const body = await readFile(file).catch(() => undefined);
      if (body !== undefined) return { file, body };
    }
    return undefined;
  };
  const answer = async (address: string, response: ServerResponse): Promise<void> => {
    const path = pathOf(address);
    const found = path === undefined ? undefined : await find(path);
    const { file, body } = found ?? (await find('/404')) ?? { file: '.html', body: 'Not found' };
    response.writeHead(found === undefined ? 404 : 200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    });
    response.end(body);
  };
  const server = createServer(({ url = '/' }, response) => void answer(url, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
