-- One event a request for wrk: `wrk -s singles.lua URL -- FILE`. Each line of FILE is an event with sixteen '@' where
-- its $insert_id belongs; every request gets an id of its own. At the end one line of JSON goes to standard output.

local threads = 0
local heads, tails, count, number = {}, {}, 0, 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

function init(arguments)
  local mark = "@@@@@@@@@@@@@@@@"
  for line in io.lines(arguments[1]) do
    local at = line:find(mark, 1, true)
    local head = "POST /track HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    heads[count] = head .. #line .. "\r\n\r\n" .. line:sub(1, at - 1)
    tails[count] = line:sub(at + #mark)
    count = count + 1
  end
end

function request()
  local turn = number % count
  number = number + 1
  return heads[turn] .. string.format("%02x%07x%07x", thread_number, math.random(0, 0xfffffff), number) .. tails[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p99_us": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
