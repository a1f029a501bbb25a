-- Fluent Bit: one line of a gateway's log to one native record (deploy/docs/record.md), as native.vrl does for Vector.
-- The parser has taken `request` and `response` apart already (fluent-bit.yaml). A line without a client, a model or a
-- body that is known is dropped. `client` becomes a plain name, since it is the key of the message too.

local PARAMETERS = { "logprobs", "top_k", "temperature", "max_tokens", "logit_bias", "stream" }

local function given(value)
    return type(value) == "string" and value ~= "" and value ~= "-"
end

local function rows(asked, answered, record)
    record.inputs = {}
    for at, one in ipairs(asked.instances) do
        if type(one) ~= "table" then return false end
        record.inputs[at] = #one > 0 and { vector = one } or { columns = one }
    end
    local said = answered.predictions
    if type(said) == "table" and #said == #record.inputs then
        record.outputs = {}
        for at, one in ipairs(said) do
            if type(one) == "table" then record.outputs[at] = { probabilities = one }
            elseif type(one) == "number" and one % 1 ~= 0 then record.outputs[at] = { value = one }
            else record.outputs[at] = { label = one } end
        end
    end
    return true
end

local function conversation(asked, answered, record)
    local choice = type(answered.choices) == "table" and answered.choices[1] or {}
    record.output = {}
    if type(asked.messages) == "table" then
        local turns = {}
        for at, turn in ipairs(asked.messages) do
            if type(turn.content) ~= "string" then return false end
            turns[at] = { role = turn.role, content = turn.content }
        end
        record.input = { messages = turns }
        record.output.text = choice.message and choice.message.content
    else
        record.input = { text = asked.prompt }
        record.output.text = choice.text
    end
    if type(choice.logprobs) == "table" and type(choice.logprobs.content) == "table" then
        record.output.logprobs = {}
        for at, token in ipairs(choice.logprobs.content) do record.output.logprobs[at] = token.logprob end
    end
    if next(record.output) == nil then record.output = nil end
    record.request = {}
    for _, name in ipairs(PARAMETERS) do record.request[name] = asked[name] end
    if next(record.request) == nil then record.request = nil end
    return true
end

function native(tag, timestamp, line)
    local asked, answered = line.request, line.response
    if not given(line.client) or type(asked) ~= "table" then return -1, 0, 0 end
    if type(answered) ~= "table" then answered = {} end
    local name, version = tostring(line.path):match("/v[12]/models/([^/:?]+)/versions/([^/:?]+)")
    name = name or tostring(line.path):match("/v[12]/models/([^/:?]+)")
    local record = { client = line.client, status = tonumber(line.status) }
    if given(line.id) then record.id = line.id end
    record.latency_ms = tonumber(line.latency_ms) or (tonumber(line.seconds) and tonumber(line.seconds) * 1000)
    local known = true
    if type(asked.messages) == "table" or type(asked.prompt) == "string" then
        name = asked.model
        known = conversation(asked, answered, record)
    elseif type(asked.instances) == "table" then
        known = rows(asked, answered, record)
    elseif type(asked.inputs) == "table" and type(asked.inputs[1]) == "table" then
        local tensor = asked.inputs[1]
        record.input = { tensor = { shape = tensor.shape, datatype = tensor.datatype, data = tensor.data, batch = true } }
        local said = type(answered.outputs) == "table" and answered.outputs[1]
        if tensor.shape[1] == 1 and said then record.output = { probabilities = { said.data } } end
    else
        known = false
    end
    if not known or not given(name) then return -1, 0, 0 end
    record.model = { name = name, version = version }
    return 2, timestamp, record
end
