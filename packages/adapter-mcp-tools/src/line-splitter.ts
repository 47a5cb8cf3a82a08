/** Cuts a stream of bytes into lines and keeps no more than `maxBytes` of an unfinished one. */
export interface LineSplitter {
  /** Hands every line that is complete now to `onLine`; false once a line exceeded the limit, then nothing is kept. */
  readonly add: (chunk: Buffer) => boolean;
}

export const makeLineSplitter = (
  maxBytes: number,
  onLine: (line: string) => void,
): LineSplitter => {
  let parts: Buffer[] = [];
  let size = 0;
  let broken = false;

  const take = (piece: Buffer): boolean => {
    size += piece.length;
    broken = size > maxBytes;
    if (broken) parts = [];
    else parts.push(piece);
    return !broken;
  };

  return {
    add: (chunk) => {
      let from = 0;
      while (!broken) {
        const at = chunk.indexOf(10, from);
        if (at === -1) return take(chunk.subarray(from));
        if (!take(chunk.subarray(from, at))) return false;
        const line = Buffer.concat(parts).toString('utf8');
        parts = [];
        size = 0;
        from = at + 1;
        onLine(line);
      }
      return false;
    },
  };
};
