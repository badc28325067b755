// The openai SDK for Node.
import OpenAI from "openai";

import { BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, PERSON, RETRIES, SYSTEM, WEATHER, getWeather, run } from "./contract.mjs";

const client = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: 0 });
const patient = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: RETRIES });
const tools = [{ type: "function", function: WEATHER }];
const user = (content) => ({ role: "user", content });

function tell(reply, seen) {
  const { message, finish_reason } = reply.choices[0];
  seen.set({ text: message.content, finish: finish_reason, usage: [reply.usage.prompt_tokens, reply.usage.completion_tokens] });
  seen.thought(message.reasoning_content ?? message.reasoning);
  for (const call of message.tool_calls ?? []) seen.call(call.function.name, call.function.arguments);
}

async function ask(content, seen, { by = client, before = [], ...more } = {}) {
  tell(await by.chat.completions.create({ model: MODEL, messages: [...before, user(content)], ...more }), seen);
}

async function stream(name, seen, by = client) {
  const asked = { model: MODEL, messages: [user(name)], stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await by.chat.completions.create(asked)) {
    if (chunk.usage) seen.set({ usage: [chunk.usage.prompt_tokens, chunk.usage.completion_tokens] });
    for (const { delta, finish_reason } of chunk.choices) {
      seen.piece(delta.content);
      seen.thought(delta.reasoning_content ?? delta.reasoning);
      if (finish_reason) seen.set({ finish: finish_reason });
    }
  }
}

async function loop(name, seen, turn) {
  const messages = [user(name)];
  for (let n = 0; n < MOST_TURNS; n++) {
    const reply = await turn({ model: MODEL, messages, tools });
    tell(reply, seen);
    const { message } = reply.choices[0];
    if (!message.tool_calls?.length) return;
    messages.push(message);
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: getWeather(JSON.parse(call.function.arguments)) });
    }
  }
}

async function structured(name, seen) {
  const response_format = { type: "json_schema", json_schema: { name: "person", strict: true, schema: PERSON } };
  const reply = await client.chat.completions.create({ model: MODEL, messages: [user(name)], response_format });
  seen.set({ output: JSON.parse(reply.choices[0].message.content) });
}

async function models(name, seen) {
  const found = [];
  for await (const model of client.models.list()) found.push(model.id);
  seen.set({ output: found });
}

await run({
  chat: ask,
  system: (name, seen) => ask(name, seen, { before: [{ role: "system", content: SYSTEM }] }),
  stream,
  thinking: ask,
  thinkingstream: stream,
  tools: (name, seen) => loop(name, seen, (asked) => client.chat.completions.create(asked)),
  toolstream: (name, seen) =>
    loop(name, seen, (asked) =>
      client.chat.completions.stream({ ...asked, stream_options: { include_usage: true } }).finalChatCompletion(),
    ),
  image: (name, seen) => {
    const url = name === "image-url" ? IMAGE_URL : `data:image/png;base64,${IMAGE}`;
    return ask([{ type: "text", text: name }, { type: "image_url", image_url: { url } }], seen);
  },
  structured,
  error: ask,
  broken: stream,
  retry: (name, seen) => ask(name, seen, { by: patient }),
  retrystream: (name, seen) => stream(name, seen, patient),
  models,
});
