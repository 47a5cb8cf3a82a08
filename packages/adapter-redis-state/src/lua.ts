/**
 * The scripts that run inside Redis, each atomic. Every key that they touch is among their KEYS, as Cluster, key prefixes and
 * access rules need it. What Redis refuses for want of memory, it refuses at their first write: nothing is left half done.
 */
import { type LuaScript, makeLuaScript } from '@promethean/redis-client';

/**
 * KEYS: the actor, all actors, further indexes. ARGV: the record, and the member of the indexes. Answers nothing when it was created,
 * otherwise the record that exists.
 */
export const SPAWN: LuaScript = makeLuaScript(`
if not redis.call('SET', KEYS[1], ARGV[1], 'NX') then return redis.call('GET', KEYS[1]) end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
local order = string.format('%.0f', (last or 0) + 1)
for index = 2, #KEYS do redis.call('ZADD', KEYS[index], order, ARGV[2]) end
return false
`);

/**
 * KEYS: the actor; where its state changes also all actors, the index of the old state and that of the new one. ARGV: the head of
 * the record that is to be replaced, the head of the new one, the new one, and with a new state the member of the indexes. Answers '' when it is
 * written, the record that is there instead, or nothing where there is none.
 *
 * The new head is there already when an earlier attempt was carried out and its answer lost.
 */
export const REPLACE: LuaScript = makeLuaScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  if redis.call('GETRANGE', KEYS[1], 0, #ARGV[2] - 1) == ARGV[2] then return '' end
  return redis.call('GET', KEYS[1])
end
redis.call('SET', KEYS[1], ARGV[3])
if KEYS[2] then
  redis.call('ZREM', KEYS[3], ARGV[4])
  redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[2], ARGV[4]), ARGV[4])
end
return ''
`);

/**
 * KEYS: the actor and its indexes. ARGV: the spawn that it comes from, and the member of the indexes. Answers what became of it:
 * another actor may have taken the id meanwhile, with other indexes.
 */
export const REMOVE: LuaScript = makeLuaScript(`
local head = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1)
if head == '' then return 'absent' end
if head ~= ARGV[1] then return 'another' end
redis.call('DEL', KEYS[1])
for index = 2, #KEYS do redis.call('ZREM', KEYS[index], ARGV[2]) end
return 'removed'
`);

/** KEYS: indexes. Answers which of them has the fewest members (from 1), and the last order in it. */
export const NARROWEST: LuaScript = makeLuaScript(`
local best, fewest = 1, math.huge
for index, key in ipairs(KEYS) do
  local count = redis.call('ZCARD', key)
  if count < fewest then best, fewest = index, count end
end
return {tostring(best), redis.call('ZRANGE', KEYS[best], -1, -1, 'WITHSCORES')[2] or '0'}
`);

/** KEYS: an index. ARGV: the order after which to begin, the last order, how many. Answers members and their orders. */
export const PAGE: LuaScript = makeLuaScript(`
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
`);
