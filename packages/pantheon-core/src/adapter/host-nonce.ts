/** The slice of the host, typed here, because this package compiles without any host's types. */
interface Host {
  readonly crypto: { readonly getRandomValues: (bytes: Uint8Array) => Uint8Array };
}

const host = globalThis as unknown as Host;

/** 128 random bits in hexadecimal. */
export const hostNonce = (): string =>
  Array.from(host.crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
