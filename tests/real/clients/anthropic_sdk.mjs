// The anthropic SDK for Node.
import Anthropic from "@anthropic-ai/sdk";

import { BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, PERSON, RETRIES, SYSTEM, WEATHER, getWeather, run } from "./contract.mjs";

const client = new Anthropic({ baseURL: BASE, apiKey: KEY, maxRetries: 0 });
const patient = new Anthropic({ baseURL: BASE, apiKey: KEY, maxRetries: RETRIES });
const tools = [{ name: WEATHER.name, description: WEATHER.description, input_schema: WEATHER.parameters }];
const asked = { model: MODEL, max_tokens: 4000 };
const thinking = { type: "enabled", budget_tokens: 2000 };
const user = (content) => ({ role: "user", content });

function tell(reply, seen) {
  const { content, stop_reason, usage } = reply;
  seen.set({ text: "", finish: stop_reason, usage: [usage.input_tokens, usage.output_tokens] });
  for (const block of content) {
    if (block.type === "text") seen.text += block.text;
    if (block.type === "thinking") seen.thought(block.thinking);
    if (block.type === "tool_use") seen.call(block.name, block.input);
  }
}

async function ask(content, seen, { by = client, ...more } = {}) {
  tell(await by.messages.create({ ...asked, messages: [user(content)], ...more }), seen);
}

async function stream(name, seen, { by = client, ...more } = {}) {
  const events = by.messages.stream({ ...asked, messages: [user(name)], ...more });
  events.on("text", (text) => seen.piece(text)).on("thinking", (text) => seen.thought(text));
  const { stop_reason, usage } = await events.finalMessage();
  seen.set({ finish: stop_reason, usage: [usage.input_tokens, usage.output_tokens] });
}

async function loop(name, seen, turn) {
  const messages = [user(name)];
  const more = name.endsWith("thinking") ? { thinking } : {};
  for (let n = 0; n < MOST_TURNS; n++) {
    const reply = await turn({ ...asked, messages, tools, ...more });
    tell(reply, seen);
    const calls = reply.content.filter((block) => block.type === "tool_use");
    if (!calls.length) return;
    const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: getWeather(call.input) }));
    messages.push({ role: "assistant", content: reply.content }, user(results));
  }
}

async function structured(name, seen) {
  const output_config = { format: { type: "json_schema", schema: PERSON } };
  const reply = await client.messages.create({ ...asked, messages: [user(name)], output_config });
  seen.set({ output: JSON.parse(reply.content[0].text) });
}

async function count(name, seen) {
  const { input_tokens } = await client.messages.countTokens({ model: MODEL, messages: [user(name)], system: SYSTEM, tools });
  seen.set({ output: input_tokens });
}

async function models(name, seen) {
  const found = [];
  for await (const model of client.models.list()) found.push(model.id);
  seen.set({ output: found });
}

await run({
  chat: ask,
  system: (name, seen) => ask(name, seen, { system: SYSTEM }),
  stream,
  thinking: (name, seen) => ask(name, seen, { thinking }),
  thinkingstream: (name, seen) => stream(name, seen, { thinking }),
  tools: (name, seen) => loop(name, seen, (body) => client.messages.create(body)),
  toolstream: (name, seen) => loop(name, seen, (body) => client.messages.stream(body).finalMessage()),
  image: (name, seen) => {
    const base64 = { type: "base64", media_type: "image/png", data: IMAGE };
    const source = name === "image-url" ? { type: "url", url: IMAGE_URL } : base64;
    return ask([{ type: "image", source }, { type: "text", text: name }], seen);
  },
  structured,
  count,
  error: ask,
  broken: stream,
  retry: (name, seen) => ask(name, seen, { by: patient }),
  retrystream: (name, seen) => stream(name, seen, { by: patient }),
  models,
});
