/** What members of groups ask Redis: what was handled goes, what is next comes, in one step. */
import { HEAD, MEMBERS, type Script, script } from './lua.ts';

/**
 * token leaseMs seq want batch maxDeadLetters crowded groups (group)* then for each recipient
 *   group recipient kind entries (entry)* and for kind
 *     a: acknowledged; x: and give it back; m: and give me more <how many recipients of the group I hold>
 *     d: and bury <entry id wire|'' reason attempts>, and give me more
 *     r: and repeat <entry attempts firstAt error delayMs>
 * -> 'ok', results, taken (group recipient attempts firstAt error entries)*, ms until the next retry or -1, dead letters dropped, whether there is more to take;
 *    or 'lost' when the token is not known, 'again' when this call was made before.
 *    A result is 'lost', or: entries removed, entries that follow, whether it is still held
 */
export const WORK: Script = script(
  HEAD,
  MEMBERS,
  `
local token, lease, seq, want, batch, cap, crowded =
  ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
if not call('ZSCORE', P .. 'leases', token) then return {'lost'} end
if tonumber(call('HGET', P .. 'seq', token) or 0) >= seq then return {'again'} end
call('HSET', P .. 'seq', token, seq)
call('ZADD', P .. 'leases', now + lease, token)
expire()

local budget = 1048576
local function read(stream)
  local entries = call('XRANGE', stream, '-', '+', 'COUNT', budget > 0 and batch or '1')
  for i = 1, #entries do
    if i > 1 and budget <= 0 then
      for last = #entries, i, -1 do entries[last] = nil end
      break
    end
    local fields = entries[i][2]
    for k = 1, #fields do budget = budget - #fields[k] end
  end
  return entries
end

-- Most groups have nothing that failed: one question saves one for each recipient.
local failing = {}
local function is_failing(g)
  if failing[g] == nil then failing[g] = call('EXISTS', P .. 'try:' .. g) == 1 end
  return failing[g]
end
local groups = {}
local at = 9
for i = 1, tonumber(ARGV[8]) do
  groups[i] = ARGV[at]
  at = at + 1
end
-- A busy recipient stays with its member, unless that one holds more than its share while another has nothing to do.
load_idle()
idle[token] = nil
local shares = {}
local given = {}
local function gives_away(g, to, own)
  if next(idle) == nil then return false end
  local can = false
  for _, filter in ipairs({'@', to}) do
    for _, one in ipairs(words(call('HGET', P .. 'f:' .. g, filter))) do can = can or (idle[one] and alive(one)) end
  end
  if not can then return false end
  if shares[g] == nil then
    shares[g] = math.ceil(call('HLEN', P .. 'hold:' .. g) / #words(call('HGET', P .. 'f:' .. g, '%2A')))
    given[g] = 0
  end
  if own - given[g] <= shares[g] then return false end
  given[g] = given[g] + 1
  return true
end
-- Who holds the recipients that this call tells of: one question for each group.
local EXTRA = {d = 5, r = 5, m = 1}
local asked_of = {}
do
  local i = at
  while i <= #ARGV do
    local g = ARGV[i]
    asked_of[g] = asked_of[g] or {}
    asked_of[g][#asked_of[g] + 1] = ARGV[i + 1]
    i = i + 4 + tonumber(ARGV[i + 3]) + (EXTRA[ARGV[i + 2]] or 0)
  end
end
local holders = {}
for g, list in pairs(asked_of) do
  holders[g] = {}
  for i, holder in ipairs(call('HMGET', P .. 'hold:' .. g, unpack(list))) do holders[g][list[i]] = holder end
end
local results = {}
while at <= #ARGV do
  local g, to, kind, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  at = at + 4
  local ids = {}
  for i = 1, count do ids[i] = ARGV[at + i - 1] end
  at = at + count
  local extra = at
  at = at + (EXTRA[kind] or 0)
  local hold, stream = P .. 'hold:' .. g, P .. 'in:' .. g .. ':' .. to
  if holders[g][to] ~= token then
    results[#results + 1] = 'lost'
  else
    local removed = 0
    if count > 0 then
      removed = call('XDEL', stream, unpack(ids))
      if is_failing(g) then call('HDEL', P .. 'try:' .. g, to) end
    end
    local entries = {}
    local held = 1
    if kind == 'd' then
      local entry = call('XRANGE', stream, ARGV[extra], ARGV[extra])[1]
      if entry then
        local wire = ARGV[extra + 2]
        if wire == '' then wire = entry[2][2] end
        call('XDEL', stream, ARGV[extra])
        bury(cap, g, to, ARGV[extra + 1], wire, ARGV[extra + 3], ARGV[extra + 4])
      end
      call('HDEL', P .. 'try:' .. g, to)
    elseif kind == 'r' then
      held = 0
      failing[g] = true
      call('HDEL', hold, to)
      call('HSET', P .. 'try:' .. g, to, ARGV[extra] .. ' ' .. ARGV[extra + 1] .. ' ' .. ARGV[extra + 2] .. ' ' .. ARGV[extra + 3])
      call('ZADD', P .. 'later:' .. g, now + tonumber(ARGV[extra + 4]), to)
    end
    if kind == 'd' or kind == 'm' or kind == 'x' then
      entries = read(stream)
      if #entries == 0 then
        held = 0
        call('DEL', stream)
        call('HDEL', hold, to)
        if is_failing(g) then call('HDEL', P .. 'try:' .. g, to) end
      elseif kind == 'x' or (crowded and call('EXISTS', P .. 'ready:' .. g) == 1)
        or (kind == 'm' and gives_away(g, to, tonumber(ARGV[extra]))) then
        held = 0
        entries = {}
        call('HDEL', hold, to)
        set_ready(g, to)
      end
    end
    results[#results + 1] = {removed, entries, held}
  end
end

idle = nil
local taken = {}
local asked = want
local more = false
for _, g in ipairs(groups) do
  local later, ready, hold = P .. 'later:' .. g, P .. 'ready:' .. g, P .. 'hold:' .. g
  for _, to in ipairs(call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, 256)) do
    call('ZREM', later, to)
    set_ready(g, to)
  end
  local waiting = want > 0 and call('ZCARD', ready) or 0
  if waiting > 0 then
    local mine = P .. 'fs:' .. g .. ':' .. token
    -- A fair share: what is left goes to a member that has nothing to do, or to this one with its next call.
    local count = math.max(1, #words(call('HGET', P .. 'f:' .. g, '%2A')))
    local list
    local share
    if call('SISMEMBER', mine, '@') == 1 then
      share = math.min(want, math.ceil(waiting / count))
      list = call('ZRANGE', ready, 0, share - 1)
      more = more or waiting > share
    else
      list = call('ZINTER', 2, ready, mine, 'WEIGHTS', 1, 0)
      share = math.min(want, math.ceil(#list / count))
      more = more or #list > share
    end
    for i = #list, share + 1, -1 do list[i] = nil end
    if #list > 0 then call('ZREM', ready, unpack(list)) end
    for _, to in ipairs(list) do
      if call('HSETNX', hold, to, token) == 1 then
        local entries = read(P .. 'in:' .. g .. ':' .. to)
        if #entries == 0 then
          call('HDEL', hold, to)
          call('DEL', P .. 'in:' .. g .. ':' .. to)
        else
          local entry, attempts, first, problem =
            string.match(is_failing(g) and call('HGET', P .. 'try:' .. g, to) or '', '^(%S+) (%d+) (%d+) (.*)$')
          if entry ~= entries[1][1] then attempts = 0 first = 0 problem = '' end
          taken[#taken + 1] = {g, to, attempts, first, problem, entries}
          want = want - 1
        end
      end
    end
    local left = call('ZRANGE', ready, 0, 0)[1]
    if left then ring(g, left) end
  end
end
if asked > 0 then
  idle = nil
  if want > 0 and not more then call('SADD', P .. 'idle', token) else call('SREM', P .. 'idle', token) end
end
local due = -1
for _, g in ipairs(groups) do
  local first = call('ZRANGE', P .. 'later:' .. g, 0, 0, 'WITHSCORES')
  if first[1] and (due < 0 or tonumber(first[2]) - now < due) then due = math.max(0, tonumber(first[2]) - now) end
end
return {'ok', results, taken, due, dropped, more and 1 or 0}
`,
);
