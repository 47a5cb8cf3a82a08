import { invalid } from '@promethean/llm-calls';
import type { Prompt } from './ai-sdk-model.ts';

type ImagePart = Extract<
  Extract<Prompt[number], { readonly role: 'user' }>['content'][number],
  { readonly type: 'file' }
>;

/** `data:[<type>][;base64],<data>`; other parameters are of no use to a model. */
const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),/;

/** An image for a user's message. Nothing is downloaded: a provider gets an address as it is. */
export const toImagePart = (path: string, address: string): ImagePart => {
  const [prefix, type = '', parameters = ''] = DATA_URL.exec(address.slice(0, 1_000)) ?? [];
  if (prefix !== undefined) {
    const rest = address.slice(prefix.length);
    const data = parameters.endsWith(';base64') ? rest : toBase64(path, rest);
    return { type: 'file', mediaType: type || 'image', data: { type: 'data', data } };
  }
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw invalid(path, 'must be an https: or data: URL');
  }
  return { type: 'file', mediaType: 'image', data: { type: 'url', url } };
};

const toBase64 = (path: string, escaped: string): string => {
  try {
    return Buffer.from(decodeURIComponent(escaped)).toString('base64');
  } catch {
    throw invalid(path, 'must be a data: URL whose escapes are UTF-8');
  }
};
