/** SHA-256 (FIPS 180-4). The core has no host to ask for one, and a digest that an approval rests on must not collide. */

/** The first 32 bits of the fractional parts of the roots of the first primes: square roots for the start, cube roots for the rounds. */
const { START, ROUNDS } = ((): {
  readonly START: readonly number[];
  readonly ROUNDS: readonly number[];
} => {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n += 1)
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
  return {
    START: primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime))),
    ROUNDS: primes.map((prime) => fraction(Math.cbrt(prime))),
  };
})();

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** The UTF-8 bytes of a text, padded to whole blocks, with the length in bits at the end. */
const padded = (text: string): Uint8Array => {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes = Array.from(escaped.matchAll(/%(..)|[^%]/g), ([character, hex]) =>
    hex === undefined ? character.charCodeAt(0) : Number.parseInt(hex, 16),
  );
  const blocks = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  blocks.set(bytes);
  blocks[bytes.length] = 0x80;
  for (let bits = bytes.length * 8, at = blocks.length - 1; bits > 0; at -= 1) {
    blocks[at] = bits % 256;
    bits = Math.floor(bits / 256);
  }
  return blocks;
};

/** The digest of a text, as 64 hexadecimal digits. */
export const sha256 = (text: string): string => {
  const bytes = padded(text);
  const hash = [...START];
  const w = new Int32Array(64);
  for (let block = 0; block < bytes.length; block += 64) {
    for (let i = 0; i < 64; i += 1) {
      if (i < 16) {
        const [a, b, c, d] = bytes.subarray(block + 4 * i, block + 4 * i + 4);
        w[i] = ((a ?? 0) << 24) | ((b ?? 0) << 16) | ((c ?? 0) << 8) | (d ?? 0);
        continue;
      }
      const [near, far] = [w[i - 2] ?? 0, w[i - 15] ?? 0];
      const s0 = rotate(far, 7) ^ rotate(far, 18) ^ (far >>> 3);
      const s1 = rotate(near, 17) ^ rotate(near, 19) ^ (near >>> 10);
      w[i] = (w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
    for (let i = 0; i < 64; i += 1) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const choice = (e & f) ^ (~e & g);
      const one = (h + s1 + choice + (ROUNDS[i] ?? 0) + (w[i] ?? 0)) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const majority = (a & b) ^ (a & c) ^ (b & c);
      [a, b, c, d, e, f, g, h] = [(one + s0 + majority) | 0, a, b, c, (d + one) | 0, e, f, g];
    }
    for (const [i, word] of [a, b, c, d, e, f, g, h].entries())
      hash[i] = ((hash[i] ?? 0) + word) | 0;
  }
  return hash.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
};
