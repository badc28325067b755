// The openai SDK for Node, speaking the Responses API.
import OpenAI from "openai";

import { BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, PERSON, RETRIES, SYSTEM, WEATHER, getWeather, run } from "./contract.mjs";

const client = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: 0 });
const patient = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: RETRIES });
const tools = [{ type: "function", ...WEATHER, strict: true }];
const asked = { model: MODEL, store: false };
const thinking = { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] };
const user = (content) => ({ role: "user", content });

function tell(reply, seen) {
  seen.set({ text: reply.output_text, finish: reply.status, usage: [reply.usage.input_tokens, reply.usage.output_tokens] });
  for (const item of reply.output) {
    if (item.type === "reasoning") for (const part of item.summary) seen.thought(part.text);
    if (item.type === "function_call") seen.call(item.name, item.arguments);
  }
}

async function ask(input, seen, { by = client, ...more } = {}) {
  tell(await by.responses.create({ ...asked, input, ...more }), seen);
}

async function stream(name, seen, { by = client, ...more } = {}) {
  for await (const event of await by.responses.create({ ...asked, input: name, stream: true, ...more })) {
    if (event.type === "response.output_text.delta") seen.piece(event.delta);
    if (event.type === "response.reasoning_summary_text.delta") seen.thought(event.delta);
    if (event.type === "response.completed") {
      const { status, usage } = event.response;
      seen.set({ finish: status, usage: [usage.input_tokens, usage.output_tokens] });
    }
  }
}

async function loop(name, seen, turn) {
  const input = [user(name)];
  const more = name.endsWith("thinking") ? thinking : {};
  for (let n = 0; n < MOST_TURNS; n++) {
    const reply = await turn({ ...asked, input, tools, ...more });
    tell(reply, seen);
    const calls = reply.output.filter((item) => item.type === "function_call");
    if (!calls.length) return;
    input.push(...reply.output);
    for (const call of calls) {
      input.push({ type: "function_call_output", call_id: call.call_id, output: getWeather(JSON.parse(call.arguments)) });
    }
  }
}

async function structured(name, seen) {
  const format = { type: "json_schema", name: "person", strict: true, schema: PERSON };
  const reply = await client.responses.parse({ ...asked, input: name, text: { format } });
  seen.set({ output: reply.output_parsed ?? JSON.parse(reply.output_text) });
}

await run({
  chat: ask,
  system: (name, seen) => ask(name, seen, { instructions: SYSTEM }),
  stream,
  thinking: (name, seen) => ask(name, seen, thinking),
  thinkingstream: (name, seen) => stream(name, seen, thinking),
  tools: (name, seen) => loop(name, seen, (body) => client.responses.create(body)),
  toolstream: (name, seen) => loop(name, seen, (body) => client.responses.stream(body).finalResponse()),
  image: (name, seen) => {
    const image_url = name === "image-url" ? IMAGE_URL : `data:image/png;base64,${IMAGE}`;
    return ask([user([{ type: "input_text", text: name }, { type: "input_image", image_url, detail: "auto" }])], seen);
  },
  structured,
  error: ask,
  broken: stream,
  retry: (name, seen) => ask(name, seen, { by: patient }),
  retrystream: (name, seen) => stream(name, seen, { by: patient }),
});
