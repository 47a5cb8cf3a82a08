/**
 * The scripts that run inside Redis, each atomic. Every key that they touch is among their KEYS. What Redis refuses for want of
 * memory, it refuses at their first write: nothing is left half done. Each may be carried out twice: a lost answer is asked for again.
 *
 * A tick is one hash. Its head are the members `id`, `actor`, `cause`, `input`, `opened`, `attempt`, `by`, `status` and `completed`; a
 * step is a member `s:<name>` with `<place>:<milliseconds>:<JSON>`.
 */
import { type LuaScript, makeLuaScript } from '@promethean/redis-client';

const NOW = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
`;

/**
 * KEYS: the tick, its id, the index of unfinished ticks. ARGV: the ref, id, actor, cause, input, the token of this opening, and `1` to
 * resume; '' for what there is not. Answers the tick, its steps included, or 'conflict'.
 *
 * An opening whose token is there already was counted, and its answer lost.
 */
export const OPEN: LuaScript = makeLuaScript(`
local ref, id, actor, cause, input, token, resume = unpack(ARGV)
local known = redis.call('HMGET', KEYS[1], 'actor', 'by')
if known[1] then
  if known[1] ~= actor then return 'conflict' end
  if resume == '' and known[2] ~= token then
    redis.call('HINCRBY', KEYS[1], 'attempt', 1)
    redis.call('HSET', KEYS[1], 'by', token)
  end
  return redis.call('HGETALL', KEYS[1])
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'conflict' end
${NOW}
local head = {'id', id, 'actor', actor, 'opened', now, 'attempt', '1', 'by', token}
if cause ~= '' then head[#head + 1] = 'cause'; head[#head + 1] = cause end
if input ~= '' then head[#head + 1] = 'input'; head[#head + 1] = input end
redis.call('HSET', KEYS[1], unpack(head))
redis.call('SET', KEYS[2], ref)
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[3], string.format('%.0f', (last or 0) + 1), ref)
return {'id', id, 'attempt', '1'}
`);

/**
 * KEYS: the tick. ARGV: the member of the step, its value. Answers '' when it is recorded, what was recorded before, or nothing where
 * there is no such tick.
 *
 * The number of members is the step's place: it grows with every step, for no member is ever removed.
 */
export const STEP: LuaScript = makeLuaScript(`
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then return known end
local place = redis.call('HLEN', KEYS[1])
if place == 0 then return false end
${NOW}
redis.call('HSET', KEYS[1], ARGV[1], place .. ':' .. now .. ':' .. ARGV[2])
return ''
`);

/**
 * KEYS: the tick, its id, the index of unfinished ticks. ARGV: the ref, the status, how long to keep it.
 *
 * What frees memory comes first: Redis carries a script that has begun to write through to its end, also when its memory is full.
 */
export const COMPLETE: LuaScript = makeLuaScript(`
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
${NOW}
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'completed', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return false
`);

/**
 * Takes the completion back. KEYS: the tick, its id, the index of unfinished ticks. ARGV: the ref.
 *
 * Members stay, for their number is the place of the next step.
 */
export const REOPEN: LuaScript = makeLuaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[3], 'NX', string.format('%.0f', (last or 0) + 1), ARGV[1])
redis.call('HSET', KEYS[1], 'status', '', 'completed', '')
redis.call('PERSIST', KEYS[1])
redis.call('PERSIST', KEYS[2])
return false
`);

/** KEYS: the index of unfinished ticks. ARGV: the order after which to begin, how many. Answers refs and their orders. */
export const PAGE: LuaScript = makeLuaScript(`
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
`);

/** KEYS: ticks. Answers the head of each, or an empty list. */
export const HEADS: LuaScript = makeLuaScript(`
local heads = {}
for at, key in ipairs(KEYS) do
  local head = {}
  for _, name in ipairs({'id', 'actor', 'cause', 'input', 'opened', 'attempt', 'status'}) do
    local value = redis.call('HGET', key, name)
    if value then head[#head + 1] = name; head[#head + 1] = value end
  end
  heads[at] = head
end
return heads
`);

/** KEYS: a tick. Answers all of it. */
export const READ: LuaScript = makeLuaScript(`return redis.call('HGETALL', KEYS[1])`);
