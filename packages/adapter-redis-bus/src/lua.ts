/**
 * What all scripts are made of, and the keys that they use. Each script is one atomic step; KEYS[1] is the prefix of the namespace, and all keys are in its hash
 * slot. Ids in keys, fields and lists are encoded, so they contain neither spaces nor colons.
 *
 *   leases            zset   token of a bus instance -> when its lease ends
 *   seq               hash   token -> number of its last `work`
 *   idle              set    tokens that wait for a ring
 *   bell:<instance>   stream rings; one entry at most
 *   pos               hash   token -> the last entry of `all` that it has read
 *   groups            set    groups
 *   routes            hash   recipient, or @ for all -> groups that take its messages
 *   f:<group>         hash   recipient, or @ for all -> tokens of the members; the group '' is the plain subscriptions
 *   fs:<group>:<token> set   the same by member
 *   in:<group>:<recipient>   stream of messages that were not handled yet
 *   ready:<group>     zset   recipients with messages and without a holder
 *   hold:<group>      hash   recipient -> token of the member that handles its messages
 *   later:<group>     zset   recipients that wait for a retry -> when it is due
 *   try:<group>       hash   recipient -> entry, attempts, time of the first failure, last error
 *   all               stream messages for plain subscriptions
 *   ids, ids:old      sets   ids of accepted messages, two generations
 *   dead, dead:ids    stream of dead letters; hash message id -> entries
 *   meta              hash   born, since (of ids), n (number of the last entry of all), run (of the server that the members met last)
 */
import { createHash } from 'node:crypto';

/** A script, and the name under which Redis remembers it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** What every script begins with. */
export const HEAD: string = `
local P = KEYS[1]
local call = redis.call
local t = call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local micros = tonumber(t[1]) * 1000000 + tonumber(t[2])

-- Shared where there is nothing: no list of words is ever changed.
local none = {}
local function words(text)
  if not text then return none end
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  return list
end
local function put(key, field, item)
  local list = call('HGET', key, field)
  if not list or list == '' then call('HSET', key, field, item) return end
  for _, word in ipairs(words(list)) do if word == item then return end end
  call('HSET', key, field, list .. ' ' .. item)
end
-- Returns whether nothing is left of the list.
local function drop(key, field, item)
  local left = {}
  for _, word in ipairs(words(call('HGET', key, field))) do
    if word ~= item then left[#left + 1] = word end
  end
  if #left > 0 then call('HSET', key, field, table.concat(left, ' ')) else call('HDEL', key, field) end
  return #left == 0
end
local function alive(token)
  local ends = call('ZSCORE', P .. 'leases', token)
  return ends and tonumber(ends) > now
end

-- Wakes one member that can take this recipient and waits. Where nobody waits, somebody takes it when it has room.
local idle
local function wake(token)
  if not idle[token] or not alive(token) then return false end
  idle[token] = nil
  call('SREM', P .. 'idle', token)
  call('XADD', P .. 'bell:' .. string.match(token, '^[^.]+'), 'MAXLEN', 1, '*', 'r', 1)
  return true
end
local function load_idle()
  if idle ~= nil then return end
  idle = {}
  for _, one in ipairs(call('SMEMBERS', P .. 'idle')) do idle[one] = true end
end
local function ring(g, to)
  load_idle()
  if next(idle) == nil then return end
  for _, filter in ipairs({'@', to}) do
    local tokens = words(call('HGET', P .. 'f:' .. g, filter))
    for i = 1, #tokens do
      if wake(tokens[(micros + i) % #tokens + 1]) then return end
    end
  end
end
local function set_ready(g, to)
  call('ZADD', P .. 'ready:' .. g, micros, to)
  ring(g, to)
end

local dropped = {}
local function bury(cap, g, to, id, wire, reason, attempts)
  local at = call('XADD', P .. 'dead', '*', 'g', g, 'to', to, 'id', id, 'm', wire, 'r', reason, 'a', attempts, 'd', now)
  put(P .. 'dead:ids', id, at)
  while call('XLEN', P .. 'dead') > cap do
    local first = call('XRANGE', P .. 'dead', '-', '+', 'COUNT', 1)[1]
    call('XDEL', P .. 'dead', first[1])
    drop(P .. 'dead:ids', first[2][6], first[1])
    dropped[#dropped + 1] = first[2][6]
  end
end
`;

/** Accepts messages: who takes them, and where they go. */
export const DISPATCH: string = `
local cache = {['routes'] = {}, ['f:'] = {}}
local function lookup(key, field)
  local list = cache[key][field]
  if list == nil then
    list = words(call('HGET', P .. key, field))
    cache[key][field] = list
  end
  return list
end
-- Asks once for the recipients of a whole call, not once for each: half of what a message costs is the number of questions.
local function look_up_all(fields)
  for key, lists in pairs(cache) do
    for i, list in ipairs(call('HMGET', P .. key, unpack(fields))) do lists[fields[i]] = words(list) end
  end
end
local lives = {}
local function is_any_alive(tokens)
  for _, token in ipairs(tokens) do
    if lives[token] == nil then lives[token] = alive(token) or false end
    if lives[token] then return true end
  end
  return false
end
local function listens(to)
  return is_any_alive(lookup('f:', '@')) or is_any_alive(lookup('f:', to))
end
local takers = {}
local function groups_of(to)
  local list = takers[to]
  if list then return list end
  local all, own = lookup('routes', '@'), lookup('routes', to)
  if #own == 0 then return all end
  local seen = {}
  list = {}
  for _, some in ipairs({all, own}) do
    for _, g in ipairs(some) do
      if not seen[g] then
        seen[g] = true
        list[#list + 1] = g
      end
    end
  end
  takers[to] = list
  return list
end
local function length_of(g, to)
  return call('XLEN', P .. 'in:' .. g .. ':' .. to)
end
local function deliver(g, to, wire, length)
  call('XADD', P .. 'in:' .. g .. ':' .. to, '*', 'm', wire)
  if length == 0 and call('HEXISTS', P .. 'hold:' .. g, to) == 0 then set_ready(g, to) end
end
local function broadcast(to, wire, retention)
  if not listens(to) then return false end
  local n = call('HINCRBY', P .. 'meta', 'n', 1)
  call('XADD', P .. 'all', 'MAXLEN', '~', retention, '*', 'n', n, 'm', wire)
  return true
end
`;

/** Members: their leases, what they hold, and what becomes of it. */
export const MEMBERS: string = `
-- Also without memory left there is room to acknowledge: after a first write that needs none, Redis lets a script go on.
call('DEL', P)

-- Gives back what a member holds, and forgets it. Its groups stay: a group is durable.
local function retire(token, is_dead)
  call('ZREM', P .. 'leases', token)
  call('SREM', P .. 'idle', token)
  call('HDEL', P .. 'seq', token)
  call('HDEL', P .. 'pos', token)
  idle = nil
  local groups = call('SMEMBERS', P .. 'groups')
  groups[#groups + 1] = ''
  for _, g in ipairs(groups) do
    local mine = P .. 'fs:' .. g .. ':' .. token
    for _, filter in ipairs(call('SMEMBERS', mine)) do drop(P .. 'f:' .. g, filter, token) end
    call('DEL', mine)
  end
  for _, g in ipairs(groups) do
    local holds = call('HGETALL', P .. 'hold:' .. g)
    for i = 1, #holds, 2 do
      local to = holds[i]
      if holds[i + 1] == token then
        call('HDEL', P .. 'hold:' .. g, to)
        local head = call('XRANGE', P .. 'in:' .. g .. ':' .. to, '-', '+', 'COUNT', 1)[1]
        if head then
          if is_dead then
            local entry, attempts, first = string.match(call('HGET', P .. 'try:' .. g, to) or '', '^(%S+) (%d+) (%d+)')
            if entry ~= head[1] then attempts = 0 first = now end
            call('HSET', P .. 'try:' .. g, to, head[1] .. ' ' .. (tonumber(attempts) + 1) .. ' ' .. first .. ' ')
          end
          set_ready(g, to)
        end
      end
    end
  end
end
-- Members whose lease ended: what they held goes to others, and counts as an attempt.
local function expire()
  for _, token in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', now)) do
    retire(token, true)
    call('DEL', P .. 'bell:' .. string.match(token, '^[^.]+'))
  end
end
local function register(token, g, filter)
  call('SADD', P .. 'fs:' .. g .. ':' .. token, filter)
  put(P .. 'f:' .. g, filter, token)
  if g ~= '' then
    call('SADD', P .. 'groups', g)
    put(P .. 'routes', filter, g)
  end
end
local function routed(filter, g)
  for _, one in ipairs(words(call('HGET', P .. 'routes', filter))) do if one == g then return true end end
  return false
end
local function unregister(token, g, filter)
  call('SREM', P .. 'fs:' .. g .. ':' .. token, filter)
  local emptied = drop(P .. 'f:' .. g, filter, token)
  if g == '' or not emptied or filter == '@' then return end
  if filter ~= '%2A' then drop(P .. 'routes', filter, g) return end
  -- Everybody has left. A group that takes all messages stays, one that took some is gone with its messages.
  if routed('@', g) then return end
  drop(P .. 'routes', filter, g)
  if call('EXISTS', P .. 'ready:' .. g, P .. 'hold:' .. g, P .. 'later:' .. g) == 0 then
    call('SREM', P .. 'groups', g)
    call('DEL', P .. 'try:' .. g)
  end
end
-- What every living reader has read is not needed any more. Never DEL: the ids of the stream must not begin anew.
local function trim()
  if call('EXISTS', P .. 'all') == 0 then return end
  local least, least_ms, least_seq
  for _, token in ipairs(words(call('HGET', P .. 'f:', '%2A'))) do
    local pos = call('HGET', P .. 'pos', token)
    if not pos then return end
    local ms, seq = string.match(pos, '^(%d+)-(%d+)$')
    ms = tonumber(ms) seq = tonumber(seq)
    if least == nil or ms < least_ms or (ms == least_ms and seq < least_seq) then
      least = true least_ms = ms least_seq = seq
    end
  end
  if least == nil then call('XTRIM', P .. 'all', 'MAXLEN', 0) return end
  call('XTRIM', P .. 'all', 'MINID', string.format('%.0f-%.0f', least_ms, least_seq + 1))
end
-- What tells new from known goes some time after the last bus has gone: no namespace stays for ever because it was used once.
local function keep(ms)
  for _, key in ipairs({'all', 'ids', 'meta'}) do call('PEXPIRE', P .. key, ms) end
end
-- The id and the number of the last message for plain subscriptions.
local function tail()
  local n = tonumber(call('HGET', P .. 'meta', 'n') or 0)
  if call('EXISTS', P .. 'all') == 0 then return {'0-0', n} end
  local info = call('XINFO', 'STREAM', P .. 'all')
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return {info[i + 1], n} end end
  return {'0-0', n}
end
`;

/** Puts a script together. */
export const script = (...parts: readonly string[]): Script => {
  const lua = parts.join('');
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
};
