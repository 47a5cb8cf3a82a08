/**
 * The scripts that run inside Redis, each atomic. Every key that they touch is among their KEYS: the holder, whose value is its token
 * and whose expiry is the end of its term, and the epoch, which is kept for longer.
 */
import { type LuaScript, makeLuaScript } from '@promethean/redis-client';

/**
 * ARGV: the nonce, the term, how long the epoch is kept. Answers the epoch, or nothing where somebody has the name.
 *
 * A holder with the same nonce is ours: an earlier attempt was carried out, and its answer lost.
 */
export const TAKE: LuaScript = makeLuaScript(`
local token = redis.call('GET', KEYS[1])
if token then
  local colon = string.find(token, ':', 1, true)
  if string.sub(token, colon + 1) ~= ARGV[1] then return false end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return string.sub(token, 1, colon - 1)
end
local epoch = string.format('%.0f', redis.call('INCR', KEYS[2]))
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], epoch .. ':' .. ARGV[1], 'PX', ARGV[2])
return epoch
`);

/** ARGV: the token, the term, how long the epoch is kept, the epoch. Answers `1`, or nothing where the name has another token or none. */
export const RENEW: LuaScript = makeLuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[3])
return '1'
`);

/** KEYS: the holder. ARGV: the token. */
export const RELEASE: LuaScript = makeLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return false
`);
