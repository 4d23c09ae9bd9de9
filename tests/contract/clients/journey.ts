// What test_typescript.py runs: each part of the client once, and what came of it as one line of JSON.
import { JobError, JobTimeout, Puras, PurasAPIError } from "../../../clients/typescript/src/index.js";

const [address, cutAddress] = [process.env.PURAS_API_BASE, process.env.CUT_ADDRESS];
const client = new Puras();
const told: Record<string, unknown> = { address };

const caught = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    return error;
  }
};

told.run = await client.run<{ total: number }>("tally", { upto: 2 });
const job = await client.submit("tally", { upto: 3 }, { metadata: { order: 7 }, source: "typescript" });
const types: string[] = [];
for await (const event of client.stream(job.id)) types.push(event.type);
told.types = types;
const ended = await client.wait(job.id);
told.ended = [ended.status, ended.metadata];
told.sameEvents = (await client.events(job.id)).map((event) => event.type).join() === types.join();
await client.feedback(job.id, { rating: 1, comment: "good" });

const failed = await caught(() => client.run("tally", { fail: true }));
told.failed = failed instanceof JobError && failed.message;
const late = await caught(() => client.run("tally", { wait_s: 30 }, { timeoutMs: 300 }));
told.late = late instanceof JobTimeout && late instanceof JobError;
if (late instanceof JobTimeout) told.cancelled = (await client.cancel(late.job.id)).id === late.job.id;

const invalid = await caught(() => client.submit("tally", { upto: "many" }));
told.invalid = invalid instanceof PurasAPIError && [invalid.status, invalid.errors.map((one) => one.path)];
const nobody = new Puras({ apiBase: "http://127.0.0.1:9", retries: 0 });
const unanswered = await caught(() => nobody.get("x"));
told.unanswered = unanswered instanceof PurasAPIError && unanswered.code;

const path = await client.upload(new Uint8Array([1, 2, 3]), "typescript/a b.bin");
told.weighed = await client.run("weigh", { first: path });
told.listed = (await client.api.listDrive({ prefix: "typescript/" })).map((entry) => entry.path);
const file = await client.api.downloadFile({ path });
told.downloaded = (await file.arrayBuffer()).byteLength;
told.skills = (await client.api.listSkills()).map((skill) => skill.name).sort();
await client.api.deleteFile({ path });

const keyed = await client.submit("tally", {}, { idempotencyKey: "typescript-key" });
told.once = (await client.submit("tally", {}, { idempotencyKey: "typescript-key" })).id === keyed.id;

const leaving = new AbortController();
const slow = await client.submit("tally", { wait_s: 30 });
const left = caught(async () => {
  for await (const event of client.stream(slow.id, { signal: leaving.signal })) if (event.type === "log") leaving.abort();
});
told.left = ((await left) as Error).name;
await client.cancel(slow.id);

if (cutAddress) {
  // A connection for each request, so that each meets its own cut.
  const alone = ((url: string, init: RequestInit) =>
    fetch(url, { ...init, keepalive: false, headers: { ...init.headers, Connection: "close" } })) as typeof fetch;
  const cut = new Puras({ apiBase: cutAddress, fetch: alone });
  told.cut = [];
  told.source = `typescript-${crypto.randomUUID()}`;
  for (let number = 0; number < Number(process.env.CUTS); number++) {
    const one = await cut.submit("tally", { upto: 1 }, { source: told.source as string, metadata: { cut: number } });
    (told.cut as string[]).push(one.id);
  }
  const whole = (await client.events(job.id)).map((event) => event.id);
  const streamed: number[] = [];
  for await (const event of cut.stream(job.id)) streamed.push(event.id);
  told.streamed = JSON.stringify(streamed) === JSON.stringify(whole);
}
console.log(JSON.stringify(told));
