// The "ai" SDK with its providers for both protocols; it runs the tools itself.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

import { BASE, DIALECT, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, PERSON, RETRIES, SYSTEM, WEATHER, getWeather, run } from "./contract.mjs";

const provider =
  DIALECT === "openai-chat"
    ? createOpenAICompatible({ name: "sim", baseURL: BASE, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true })
    : createAnthropic({ baseURL: `${BASE}/v1`, apiKey: KEY });
const tools = {
  [WEATHER.name]: tool({ description: WEATHER.description, inputSchema: jsonSchema(WEATHER.parameters), execute: getWeather }),
};
const looping = { tools, stopWhen: stepCountIs(MOST_TURNS) };
const thinking = { providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } } };

function asking(content, more) {
  const messages = [{ role: "user", content }];
  const thinks = typeof content === "string" && content.includes("thinking");
  return { model: provider(MODEL), messages, maxRetries: 0, ...(thinks ? thinking : {}), ...more };
}

async function tell(result, seen) {
  const steps = await result.steps;
  const { usage } = steps.at(-1);
  seen.set({ text: await result.text, finish: await result.finishReason, usage: [usage.inputTokens, usage.outputTokens] });
  for (const step of steps) {
    seen.thought(step.reasoningText);
    for (const call of step.toolCalls) seen.call(call.toolName, call.input);
  }
}

async function ask(content, seen, more) {
  await tell(await generateText(asking(content, more)), seen);
}

async function stream(name, seen, more) {
  let failed;
  const result = streamText({ ...asking(name, more), onError: ({ error }) => (failed = error) });
  for await (const text of result.textStream) seen.piece(text);
  if (failed) throw failed;
  await tell(result, seen);
}

async function structured(name, seen) {
  const { output } = await generateText(asking(name, { output: Output.object({ schema: jsonSchema(PERSON), name: "person" }) }));
  seen.set({ output });
}

await run({
  chat: ask,
  system: (name, seen) => ask(name, seen, { system: SYSTEM }),
  stream,
  thinking: ask,
  thinkingstream: stream,
  tools: (name, seen) => ask(name, seen, looping),
  toolstream: (name, seen) => stream(name, seen, looping),
  image: (name, seen) => {
    const image = name === "image-url" ? new URL(IMAGE_URL) : Buffer.from(IMAGE, "base64");
    return ask([{ type: "text", text: name }, { type: "image", image }], seen);
  },
  structured,
  error: ask,
  broken: stream,
  retry: (name, seen) => ask(name, seen, { maxRetries: RETRIES }),
  retrystream: (name, seen) => stream(name, seen, { maxRetries: RETRIES }),
});
