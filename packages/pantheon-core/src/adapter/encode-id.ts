/**
 * An id as a part of a key, a path or a pattern: only `A-Z a-z 0-9 - _ . ! ~ ' ( )` and `%` remain, so that no separator and no
 * wildcard of a store is left in it. Different ids stay different. All adapters use this one function.
 *
 * The result can be three times as long as the id in bytes, 768 characters at most: too long for the name of a file, which ends at
 * 255 bytes in most file systems.
 */
export const encodeId = (id: string): string => encodeURIComponent(id).replaceAll('*', '%2A');

/** The id that `encodeId` encoded. */
export const decodeId = (encoded: string): string => decodeURIComponent(encoded);
