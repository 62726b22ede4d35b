-- The script that wrk runs. The requests have the 15 header fields that Chromium sends for a page.
-- VARY in the environment says what changes from one request to the next: "none"; "path", which ends
-- with a number that is never repeated; or "all", the path and a cookie. At the end, the script prints
-- the figures of the run in one line of name=value pairs.
local vary = os.getenv("VARY") or "none"
local number = os.time() * 1000000  -- greater than those of earlier runs
local first, middle, last

function init()
  first = "GET " .. wrk.path
  middle = table.concat({
    " HTTP/1.1",
    "Host: " .. wrk.host .. ":" .. wrk.port,
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
      .. " Chrome/140.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
      .. "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
    "Cookie: theme=dark; session=",
  }, "\r\n")
  last = "\r\n\r\n"
end

-- With PAUSE_MS in the environment, each connection waits so long before a request: a light load.
local pause = tonumber(os.getenv("PAUSE_MS"))
if pause then
  function delay()
    return pause
  end
end

function request()
  if vary ~= "none" then
    number = number + 1
  end
  -- The cookie is a session's identifier. Both kinds have the same length.
  local session = vary == "all" and number or 1700000000000000
  return string.format("%s%.0f%s%032.0f%s", first, number, middle, session, last)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "count=%d seconds=%.6f bytes=%d p50_us=%d p99_us=%d failed=%d connect=%d read=%d write=%d"
      .. " timeout=%d\n",
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect, errors.read, errors.write,
    errors.timeout))
end
