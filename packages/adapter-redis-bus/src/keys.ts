import { encodeId } from '@promethean/pantheon-core/adapter';

/** What starts all keys of a namespace. The braces make it one hash slot of a Cluster; an encoded id has none of its own. */
export const prefixOf = (namespace: string): string => `{${encodeId(namespace)}}:bus:`;

/** Messages for plain subscriptions. */
export const allKey = (prefix: string): string => `${prefix}all`;

/** Wakes one bus instance. */
export const bellKey = (prefix: string, instance: string): string => `${prefix}bell:${instance}`;

/** The dead letters. */
export const deadKey = (prefix: string): string => `${prefix}dead`;

/** The filter of a subscription to all recipients: no encoded id has this character. */
export const ANY = '@';

/** The recipient `*`, encoded: everybody takes it. */
export const BROADCAST: string = encodeId('*');

/** The group of subscriptions without a group. */
export const PLAIN = '';
