-- For Envoy's Lua filter: what the response feed says about the consumer of a request. fetch.py writes the file of names
-- and actions; it is read again every few seconds by each worker. `x-consumer` has to be set by YOUR authentication
-- filter, after it removed what the client sent.
local FILE = os.getenv("RESPONSES") or "/etc/envoy/responses.tsv"
local SECONDS = 5
local actions, looked = {}, nil

local function look()
  local now = os.time()
  if looked and now - looked < SECONDS then return end
  looked = now
  local file = io.open(FILE, "r")
  if not file then return end
  local found = {}
  for line in file:lines() do
    local who, action = line:match("^(.-)\t(.+)$")
    if who then found[who] = action end
  end
  file:close()
  actions = found
end

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-respond")
  look()
  local action = actions[headers:get("x-consumer") or ""]
  if not action then return end
  if action == "block" then
    handle:respond({[":status"] = "403"}, "")
  elseif action == "challenge" then
    handle:respond({[":status"] = "401"}, "")
  else
    headers:add("x-respond", action) -- the rate limit below reads it, and the model server rounds or leaves out scores
  end
end
