-- What wrk runs for us: it tells the figures of a run in one line of name=value pairs. With VARY in
-- the environment each request has a field of its own.
if os.getenv("VARY") then
  local number = 0
  function request()
    number = number + 1
    return wrk.format(nil, nil, {["Host"] = "127.0.0.1", ["X-Number"] = tostring(number)})
  end
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
