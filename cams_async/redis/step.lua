-- One step of one worker in one scope: what it has to tell, and what it asks for.
--
-- All times are whole microseconds of this server's clock.
--
-- KEYS  1 slots  sorted set: call -> when its slot returns; the run id of the server
--                that the books belong to is in it, too, and never returns
--       2 line   sorted set: waiting worker -> ticket
--       3 due    sorted set: waiting worker -> when it must have asked again
--       4 state  hash: limit, pause, bucket, ceiling, clock
--       They are spelled out in each call: the proxies of Tair and ApsaraDB refuse a
--       script whose key arguments are anything but KEYS[n].
-- ARGV  1 now          empty: this server's TIME
--       2 info         empty: this server's INFO
--       3 worker       who asks
--       4 call         what the slot that it asks for shall be called; empty: none
--       5 more         1: others wait behind that call
--       6 ceiling      calls per second
--       7 pad, 8 late, 9 grace   microseconds
--       10 distrusted  books as old as this, or older, are void
--       11...          what happened, four by four: kind, call, and two numbers
--
-- It returns: granted, rest, wait, now, born, limit, pause, workers, ceiling, lost.

local SHRINK, SHRINK_EVERY = 0.7, 1000000
local GROW_EVERY, GROW_EVERY_QUIET, QUIET_AFTER = 2000000, 500000, 6000000
local LONGEST_PAUSE = 60000000
local AGREED_FOR = 60000000  -- a lower ceiling that nobody names any more is forgotten
local BACKWARDS = 1000000    -- a clock that is set back by less does no harm
local PATIENCE = 1000000     -- a worker that is later than this is taken for dead
local KEPT = 86400000        -- milliseconds

local now, info = tonumber(ARGV[1]), ARGV[2]
local worker, call, more = ARGV[3], ARGV[4], ARGV[5] == '1'
local own_ceiling = tonumber(ARGV[6])
local pad, late, grace = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local distrusted = tonumber(ARGV[10])

if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
if info == '' then
  info = redis.call('INFO', 'server')
end
local run = info:match('run_id:(%w+)') or 'unknown'

-- The state

local FIELDS = {
  'value', 'changed', 'refused', 'shrunk', 'excess', 'paused',
  'level', 'leaked', 'ceiling', 'agreed', 'last', 'born', 'tickets',
}
local state = {}
local stored = redis.call('HMGET', KEYS[4], unpack(FIELDS))
for index, name in ipairs(FIELDS) do
  state[name] = tonumber(stored[index])
end

local complete = state.tickets and redis.call('ZSCORE', KEYS[1], run)
if not complete or state.last - now > BACKWARDS or state.born <= distrusted then
  local major, minor = info:match('redis_version:(%d+)%.(%d+)')
  if major and major * 100 + minor < 602 then
    return redis.error_reply('CAMSVERSION ' .. major .. '.' .. minor)
  end
  -- Nobody knows what was granted before: each slot starts as if it had just been
  -- granted, and its call were sent as late as it may be, and lost.
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
  redis.call('ZADD', KEYS[1], '+inf', run)
  local hold = math.max(1000000, 1000000 / own_ceiling) + pad
  for index = 1, math.floor(math.max(1, own_ceiling)) do
    redis.call('ZADD', KEYS[1], now + grace + late + hold, 'before:' .. index)
  end
  state = {
    value = math.max(1, own_ceiling), changed = 0, refused = 0, shrunk = 0, excess = 0,
    paused = 0, level = 0, leaked = now, ceiling = own_ceiling, agreed = now,
    last = now, born = now, tickets = 0,
  }
end
state.last = math.max(state.last, now)

-- The lower ceiling wins

if own_ceiling <= state.ceiling or state.agreed + AGREED_FOR < now then
  local longer = math.max(1000000, 1000000 / own_ceiling)
    - math.max(1000000, 1000000 / state.ceiling)
  if longer > 0 then
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -2)) do
      redis.call('ZINCRBY', KEYS[1], math.ceil(longer), id)
    end
  end
  if own_ceiling > state.ceiling then
    state.value = state.value + math.max(1, own_ceiling) - math.max(1, state.ceiling)
  end
  state.ceiling, state.agreed = own_ceiling, now
end
local ceiling = state.ceiling
local most = math.max(1, ceiling)
local hold = math.ceil(math.max(1000000, 1000000 / ceiling)) + pad
state.value = math.min(state.value, most)

-- The limit: the rules of cams_async/throttle/limit.py

local function next_growth()
  if state.value >= most then
    return nil
  end
  local quiet = math.max(
    state.refused + QUIET_AFTER, state.changed + GROW_EVERY_QUIET)
  return math.min(state.changed + GROW_EVERY, quiet)
end

local function limit()
  local due = math.max(state.shrunk + SHRINK_EVERY, state.refused)
  if state.excess == 1 and due <= now then
    state.excess = 0
    state.value = math.max(1, state.value * SHRINK)
    state.shrunk = due
    state.changed = due + SHRINK_EVERY
  end
  local at = next_growth()
  while at and at <= now do
    state.value = math.min(most, state.value + math.max(1, most / 10))
    state.changed = at
    at = next_growth()
  end
  return math.floor(state.value)
end

local function refused(sent)
  limit()
  state.refused = now
  state.changed = math.max(state.changed, now)
  if sent >= state.shrunk then
    state.excess = 1
  end
  limit()
end

-- What happened. Ages were told before they travelled: what is reckoned from them is
-- never too early. A message that arrives twice, or very late, can free nothing.

local lost = {}
for index = 11, #ARGV, 4 do
  local kind, id = ARGV[index], ARGV[index + 1]
  local first, second = tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3])
  if kind == 'answered' then
    redis.call('ZADD', KEYS[1], 'XX', 'LT', now - first + hold, id)
  elseif kind == 'sent' then
    redis.call('ZADD', KEYS[1], 'XX', 'LT', now - first + late + hold, id)
  elseif kind == 'unused' then
    redis.call('ZREM', KEYS[1], id)
  elseif kind == 'keep' then
    if redis.call('ZSCORE', KEYS[1], id) then
      redis.call('ZADD', KEYS[1], 'XX', now + grace + late + hold, id)
    else
      lost[#lost + 1] = id
    end
  elseif kind == 'refused' then
    refused(now - first)
  elseif kind == 'pause' then
    state.paused = math.max(
      state.paused, now - first + math.min(second, LONGEST_PAUSE))
  end
end

-- What is due

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[3]) == 0 then
  -- The due times were evicted: a dead worker could not be told from a live one, and
  -- would hold its place for ever. Live workers request a place again.
  redis.call('DEL', KEYS[2])
end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. now)) do
  if dead ~= worker then
    redis.call('ZREM', KEYS[2], dead)
    redis.call('ZREM', KEYS[3], dead)
  end
end

local slots = limit()
local taken = redis.call('ZCARD', KEYS[1]) - 1
local capacity = math.max(1, ceiling / 2)
state.level = math.max(
  0, state.level - math.max(0, now - state.leaked) * ceiling / 1000000)
state.leaked = now

-- When the worker with so many ahead of it can be served, at the earliest

local function served(ahead)
  local laps = math.floor(ahead / slots)
  local returns = taken - slots + ahead % slots + 1
  local at = now
  if returns > 0 then
    local found = redis.call('ZRANGE', KEYS[1], returns - 1, returns - 1, 'WITHSCORES')
    at = tonumber(found[2])
    if found[1]:sub(1, 7) ~= 'before:' then
      at = math.min(at, now + hold)  -- its call may be answered any moment
    end
  end
  local excess = state.level + ahead + 1 - capacity
  if excess > 0.000001 then
    at = math.max(at, now + math.ceil(excess * 1000000 / ceiling))
  end
  return math.max(at + laps * hold, state.paused)
end

local function joined()
  if not redis.call('ZSCORE', KEYS[2], worker) then
    state.tickets = state.tickets + 1
    redis.call('ZADD', KEYS[2], state.tickets, worker)
  end
  return served(redis.call('ZRANK', KEYS[2], worker))
end

local granted, at = 0, -1
if call ~= '' then
  at = joined()
  if at <= now then
    granted, at = 1, -1
    redis.call('ZADD', KEYS[1], now + grace + late + hold, call)
    redis.call('ZREM', KEYS[2], worker)
    taken, state.level = taken + 1, state.level + 1
    if more then
      at = joined()
    end
  end
end

local rest, wait = -1, -1
if at >= 0 then
  wait = at - now
  -- Whoever waits for long looks in now and then: the others may have gone.
  rest = math.min(wait, math.max(1000000, math.floor(wait / 2)))
  local growth = next_growth()
  if growth and growth > now then
    rest = math.min(rest, growth - now)
  end
  redis.call('ZADD', KEYS[3], now + rest + PATIENCE, worker)
else
  redis.call('ZREM', KEYS[2], worker)
  redis.call('ZREM', KEYS[3], worker)
end

local changes = {}
for _, name in ipairs(FIELDS) do
  changes[#changes + 1] = name
  changes[#changes + 1] = state[name]
end
redis.call('HSET', KEYS[4], unpack(changes))
redis.call('PEXPIRE', KEYS[1], KEPT)
redis.call('PEXPIRE', KEYS[2], KEPT)
redis.call('PEXPIRE', KEYS[3], KEPT)
redis.call('PEXPIRE', KEYS[4], KEPT)

return {
  granted, rest, wait, now, state.born, string.format('%.17g', state.value),
  math.max(0, state.paused - now), redis.call('ZCARD', KEYS[2]),
  string.format('%.17g', ceiling), lost,
}
