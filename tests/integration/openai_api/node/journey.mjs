import OpenAI from "openai";
import { streamText, generateText, generateObject } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { z } from "zod";

const baseURL = process.env.BASE_URL, apiKey = process.env.API_KEY;
const results = {};
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

results.models = (await client.models.list()).data.map((one) => one.id).sort();

const chat = client.chat.completions.stream({ model: "talk", messages: [{ role: "user", content: "owls" }], stream_options: { include_usage: true } });
let deltas = 0;
for await (const chunk of chat) deltas += chunk.choices[0]?.delta.content ? 1 : 0;
const final = await chat.finalChatCompletion();
results.chat = [final.choices[0].message.content.trim(), deltas > 1, final.usage.total_tokens > 0];

const responses = client.responses.stream({ model: "talk", input: "owls" });
const types = new Set();
for await (const event of responses) types.add(event.type);
results.responses = [(await responses.finalResponse()).output_text.trim(), types.has("response.output_text.delta"), types.has("response.completed")];

const { response } = await client.chat.completions.create({ model: "talk", messages: [{ role: "user", content: "owls" }] }).withResponse();
results.jobHeader = response.headers.get("x-puras-job-id")?.length;

for (const [name, work] of Object.entries({
  unknown: () => client.chat.completions.create({ model: "nothing", messages: [{ role: "user", content: "owls" }] }),
  key: () => new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list(),
})) {
  try { await work(); } catch (error) { results[name] = [error.constructor.name, error.status, error.code]; }
}

const grade = z.object({ summary: z.string(), score: z.number() });
const compatible = createOpenAICompatible({ name: "puras", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true });
const official = createOpenAI({ baseURL, apiKey });
for (const [name, provider] of Object.entries({ compatible: (id) => compatible(id), officialChat: (id) => official.chat(id), officialResponses: (id) => official.responses(id) })) {
  const stream = streamText({ model: provider("talk"), prompt: "owls", maxRetries: 0 });
  let parts = 0, text = "";
  for await (const part of stream.textStream) { parts += 1; text += part; }
  const usage = await stream.usage;
  results[name] = [text.trim(), parts > 1, usage.totalTokens > 0, await stream.finishReason];
  const once = await generateText({ model: provider("talk"), messages: [
    { role: "system", content: "Be kind." }, { role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }, { role: "user", content: "owls" },
  ], maxRetries: 0 });
  results[`${name}Once`] = once.text.trim();
  const next = await generateText({ model: provider("talk"), messages: [
    { role: "user", content: "owls" }, ...(await once.response).messages, { role: "user", content: "and bats?" },
  ], maxRetries: 0 });
  results[`${name}Next`] = next.text.trim();
  const object = await generateObject({ model: provider("grade"), schema: grade, prompt: "owls", maxRetries: 0 });
  results[`${name}Object`] = object.object;
}
try { await generateText({ model: official("nothing"), prompt: "owls", maxRetries: 0 }); } catch (error) { results.vercelError = [error.statusCode, error.message]; }
console.log(JSON.stringify(results));
