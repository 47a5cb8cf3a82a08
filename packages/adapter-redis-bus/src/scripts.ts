/** What runs inside Redis, but for the handing out of messages: that is in work-script.ts. */
import { DISPATCH, HEAD, MEMBERS, type Script, script } from './lua.ts';

/**
 * token dedupWindow dedupWindowMs capacity retention maxDeadLetters (to id wire)*
 * -> [0 accepted | 1 known already | the full group's name]*, dead letters dropped; or 0 when the token is not known, so that the
 *    subscriptions of the sender's own process are there again before its message
 */
export const SEND: Script = script(
  HEAD,
  DISPATCH,
  `
if not call('ZSCORE', P .. 'leases', ARGV[1]) then return 0 end
local window, window_ms, capacity, retention, cap =
  tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local young, old = P .. 'ids', P .. 'ids:old'
local has_old = false
if window > 0 then
  local since = call('HGET', P .. 'meta', 'since')
  if not since then
    call('HSET', P .. 'meta', 'since', now)
  elseif call('SCARD', young) >= window or now - tonumber(since) >= window_ms then
    call('HSET', P .. 'meta', 'since', now)
    call('UNLINK', old)
    if call('EXISTS', young) == 1 then
      call('RENAME', young, old)
      call('PEXPIRE', old, window_ms * 2)
    end
  end
  has_old = call('EXISTS', old) == 1
end
local recipients, is_listed = {'@'}, {}
for i = 7, #ARGV, 3 do
  local to = ARGV[i]
  if not is_listed[to] then
    is_listed[to] = true
    recipients[#recipients + 1] = to
  end
end
look_up_all(recipients)
local ids = {}
for i = 8, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
local function known_in(key, is_there)
  return is_there and call('SMISMEMBER', key, unpack(ids)) or none
end
local lengths = {}
local function lengths_of(to, groups)
  local list = lengths[to]
  if list == nil then
    list = {}
    for k, g in ipairs(groups) do list[k] = length_of(g, to) end
    lengths[to] = list
  end
  return list
end
-- Settled for all messages before any is delivered: one question and one note for the ids of all of them.
local results, accepted, noted, is_noted, added = {}, {}, {}, {}, {}
local function settle()
  local in_young, in_old = known_in(young, window > 0), known_in(old, has_old)
  for n, id in ipairs(ids) do
    local to = ARGV[4 + n * 3]
    local result = 0
    if in_young[n] == 1 or in_old[n] == 1 or is_noted[id] then
      result = 1
    else
      local groups = groups_of(to)
      for k, length in ipairs(lengths_of(to, groups)) do
        if length + (added[to] or 0) >= capacity then result = groups[k] break end
      end
      if result == 0 then
        added[to] = (added[to] or 0) + 1
        accepted[#accepted + 1] = n
        noted[#noted + 1] = id
        if window > 0 then is_noted[id] = true end
      end
    end
    results[n] = result
  end
end
local delivered = 0
local function deliver_all()
  settle()
  if window > 0 and #noted > 0 then call('SADD', young, unpack(noted)) end
  for _, n in ipairs(accepted) do
    local to, wire = ARGV[4 + n * 3], ARGV[6 + n * 3]
    local groups = groups_of(to)
    for k, g in ipairs(groups) do
      deliver(g, to, wire, lengths[to][k])
      lengths[to][k] = lengths[to][k] + 1
    end
    if not broadcast(to, wire, retention) and #groups == 0 then bury(cap, '', to, ids[n], wire, '', 0) end
    delivered = delivered + 1
  end
end
local is_done, problem = pcall(deliver_all)
if not is_done then
  -- What was not delivered must not look delivered when it is sent again.
  if window > 0 and #noted > delivered then call('SREM', young, unpack(noted, delivered + 1)) end
  return type(problem) == 'table' and problem or redis.error_reply(problem)
end
return {results, dropped}
`,
);

/**
 * old-tokens new-token leaseMs registrations (group filter)* (group recipient)*
 * -> was an old token known, when the data were born, whether each of the recipients is still held, tail
 */
export const JOIN: Script = script(
  HEAD,
  MEMBERS,
  `
local olds, token, lease, count = words(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local known = 0
local is_mine = {}
-- A server that was away has not heard from anybody: whoever comes back first must not find the others dead.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)')
if run and call('HGET', P .. 'meta', 'run') ~= run then
  for _, other in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do call('ZADD', P .. 'leases', 'XX', 'GT', now + lease, other) end
  call('HSET', P .. 'meta', 'run', run)
end
call('ZADD', P .. 'leases', now + lease, token)
for _, old in ipairs(olds) do
  is_mine[old] = true
  if call('ZSCORE', P .. 'leases', old) then known = 1 end
  local pos = call('HGET', P .. 'pos', old)
  if pos then call('HSET', P .. 'pos', token, pos) end
end
if not call('HGET', P .. 'meta', 'born') then call('HSET', P .. 'meta', 'born', token) end
local kept = {}
for i = 5 + count * 2, #ARGV, 2 do
  local hold = P .. 'hold:' .. ARGV[i]
  local mine = is_mine[call('HGET', hold, ARGV[i + 1])]
  if mine then call('HSET', hold, ARGV[i + 1], token) end
  kept[#kept + 1] = mine and 1 or 0
end
for i = 5, 3 + count * 2, 2 do register(token, ARGV[i], ARGV[i + 1]) end
-- What an old token still holds was given to us by an answer that never came.
for _, old in ipairs(olds) do retire(old, false) end
expire()
local last = tail()
return {known, call('HGET', P .. 'meta', 'born'), kept, last[1], last[2]}
`,
);

/** token (+|- group filter)* -> tail, or 0 when the token is not known */
export const REGISTER: Script = script(
  HEAD,
  MEMBERS,
  `
local token = ARGV[1]
if not call('ZSCORE', P .. 'leases', token) then return 0 end
local bell = P .. 'bell:' .. string.match(token, '^[^.]+')
for i = 2, #ARGV, 3 do
  if ARGV[i] == '+' then
    register(token, ARGV[i + 1], ARGV[i + 2])
    -- The reader is to look at the stream of all messages from now on.
    if ARGV[i + 1] == '' then call('XADD', bell, 'MAXLEN', 1, '*', 'r', 1) end
  else
    unregister(token, ARGV[i + 1], ARGV[i + 2])
  end
end
return tail()
`,
);

/** token leaseMs position|'' keepMs -> 1, or 0 when the token is not known */
export const BEAT: Script = script(
  HEAD,
  MEMBERS,
  `
if not call('ZSCORE', P .. 'leases', ARGV[1]) then return 0 end
call('ZADD', P .. 'leases', now + tonumber(ARGV[2]), ARGV[1])
if ARGV[3] ~= '' then call('HSET', P .. 'pos', ARGV[1], ARGV[3]) else call('HDEL', P .. 'pos', ARGV[1]) end
expire()
trim()
keep(ARGV[4])
return 1
`,
);

/** token keepMs -> 1. Leaves: nothing is held any more, the groups stay. */
export const LEAVE: Script = script(
  HEAD,
  MEMBERS,
  `
retire(ARGV[1], false)
call('DEL', P .. 'bell:' .. string.match(ARGV[1], '^[^.]+'))
expire()
trim()
keep(ARGV[2])
return 1
`,
);

/** token groups* -> for each, how many other living members it has */
export const OTHERS: Script = script(
  HEAD,
  MEMBERS,
  `
local counts = {}
for i = 2, #ARGV do
  local count = 0
  for _, token in ipairs(words(call('HGET', P .. 'f:' .. ARGV[i], '%2A'))) do
    if token ~= ARGV[1] and alive(token) then count = count + 1 end
  end
  counts[#counts + 1] = count
end
return counts
`,
);

/** maxDeadLetters to id wire reason attempts -> dead letters dropped */
export const BURY: Script = script(
  HEAD,
  `
bury(tonumber(ARGV[1]), '', ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return dropped
`,
);

/** capacity retention maxDeadLetters id -> 1, 0 when there is no such letter, or the full group's name */
export const REDRIVE: Script = script(
  HEAD,
  DISPATCH,
  `
local capacity, retention, cap, id = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local found = words(call('HGET', P .. 'dead:ids', id))
local sent = 0
for _, at in ipairs(found) do
  local entry = call('XRANGE', P .. 'dead', at, at)[1]
  if entry then
    local g, to, wire = entry[2][2], entry[2][4], entry[2][8]
    local groups = groups_of(to)
    local own = g ~= '' and call('SISMEMBER', P .. 'groups', g) == 1
    if own then groups = {g} end
    local lengths = {}
    for k, one in ipairs(groups) do
      lengths[k] = length_of(one, to)
      if lengths[k] >= capacity then return one end
    end
    call('XDEL', P .. 'dead', at)
    drop(P .. 'dead:ids', id, at)
    for k, one in ipairs(groups) do deliver(one, to, wire, lengths[k]) end
    if not own and not broadcast(to, wire, retention) and #groups == 0 then bury(cap, '', to, id, wire, '', 0) end
    sent = 1
  end
end
if call('EXISTS', P .. 'dead') == 1 and call('XLEN', P .. 'dead') == 0 then call('DEL', P .. 'dead') end
return sent
`,
);

/** group -> messages that it had, or -1 when it has a living member. Forgets the group. */
export const FORGET: Script = script(
  HEAD,
  MEMBERS,
  `
local g = ARGV[1]
expire()
for _, token in ipairs(words(call('HGET', P .. 'f:' .. g, '%2A'))) do if alive(token) then return -1 end end
local count = 0
local function remove(to)
  local stream = P .. 'in:' .. g .. ':' .. to
  count = count + call('XLEN', stream)
  call('DEL', stream)
end
for _, to in ipairs(call('ZRANGE', P .. 'ready:' .. g, 0, -1)) do remove(to) end
for _, to in ipairs(call('ZRANGE', P .. 'later:' .. g, 0, -1)) do remove(to) end
for _, to in ipairs(call('HKEYS', P .. 'hold:' .. g)) do remove(to) end
for _, filter in ipairs(call('HKEYS', P .. 'routes')) do drop(P .. 'routes', filter, g) end
for _, kind in ipairs({'ready:', 'later:', 'hold:', 'try:', 'f:'}) do call('DEL', P .. kind .. g) end
call('SREM', P .. 'groups', g)
return count
`,
);
