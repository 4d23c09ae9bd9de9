// Run each part of the client once, and print the results as one line of JSON for test_typescript.py.
import { JobError, JobTimeout, Puras, PurasAPIError } from "../../../clients/typescript/src/index.js";

const [address, cutAddress] = [process.env.PURAS_API_BASE, process.env.CUT_ADDRESS];
const client = new Puras();
const results: Record<string, unknown> = { address };

const caught = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    return error;
  }
};

results.run = await client.run<{ total: number }>("tally", { upto: 2 });
const job = await client.submit("tally", { upto: 3 }, { metadata: { order: 7 }, source: "typescript" });
const types: string[] = [];
for await (const event of client.stream(job.id)) types.push(event.type);
results.types = types;
const ended = await client.wait(job.id);
results.ended = [ended.status, ended.metadata];
results.sameEvents = (await client.events(job.id)).map((event) => event.type).join() === types.join();
await client.feedback(job.id, { rating: 1, comment: "good" });

const failed = await caught(() => client.run("tally", { fail: true }));
results.failed = failed instanceof JobError && failed.message;
const late = await caught(() => client.run("tally", { wait_s: 30 }, { timeoutMs: 300 }));
results.late = late instanceof JobTimeout && late instanceof JobError;
if (late instanceof JobTimeout) results.cancelled = (await client.cancel(late.job.id)).id === late.job.id;

const invalid = await caught(() => client.submit("tally", { upto: "many" }));
results.invalid = invalid instanceof PurasAPIError && [invalid.status, invalid.errors.map((one) => one.path)];
if (failed instanceof JobError) {
  const signature = failed.job.error_signature as string;
  const resolved = await client.resolveFailure(signature, { note: "Fixed" });
  const shown = (await client.failures({ state: "resolved" })).clusters.map((one) => one.error_signature);
  const ignored = await client.ignoreFailure(signature, { jobs: 5 });
  const reopened = (await client.reopenFailure(signature)).state;
  results.decided = [resolved.note, shown.includes(signature), ignored.ignored_jobs, reopened];
}
const queues = client.annotationQueues;
const rubric = [{ key: "good", label: "Good", kind: "yes_no" as const }];
const queue = await queues.create("Typescript", rubric, { instructions: "Look." });
results.added = await queues.add(queue.id, [job.id]);
const item = await queues.next(queue.id);
if (item) await queues.annotate(queue.id, item.id, { good: true }, { comment: "Fine" });
results.reviewed = [
  (await queues.items(queue.id, { status: "done" })).map((one) => one.job_id === job.id),
  (await queues.ofJob(job.id)).map((one) => one.scores),
  (await queues.export(queue.id, { format: "csv" })).size > 0,
  (await queues.update(queue.id, { name: "Reviewed" })).name,
  (await queues.list()).some((one) => one.id === queue.id && one.done === 1),
  (await queues.saveEvalCases(queue.id)).uncorrected,
];
await queues.delete(queue.id);
results.gone = ((await caught(() => queues.get(queue.id))) as PurasAPIError).code;

const unreachable = new Puras({ apiBase: "http://127.0.0.1:9", retries: 0 });
const unanswered = await caught(() => unreachable.get("x"));
results.unanswered = unanswered instanceof PurasAPIError && [unanswered.code, unanswered.fields.former_code];

const path = await client.upload(new Uint8Array([1, 2, 3]), "typescript/a b.bin");
results.weighed = await client.run("weigh", { first: path });
results.listed = (await client.api.listDrive({ prefix: "typescript/" })).map((entry) => entry.path);
const file = await client.api.downloadFile({ path });
results.downloaded = (await file.arrayBuffer()).byteLength + (await client.download(path)).size;
results.estimated = (await client.estimate("tally")).jobs >= 0;
results.environments = (await client.environments.list()).map((one) => [one.environment, one.active?.version !== undefined]);
results.url = client.url(job).endsWith(`/jobs/${job.id}`);
results.skills = (await client.api.listSkills()).map((skill) => skill.name).sort();
await client.api.deleteFile({ path });

const keyed = await client.submit("tally", {}, { idempotencyKey: "typescript-key" });
results.once = (await client.submit("tally", {}, { idempotencyKey: "typescript-key" })).id === keyed.id;

const flow = await client.wait((await client.submit("twice", { upto: 2 })).id);
const stored = (await client.steps(flow.id)).map((step) => [step.name, step.status]);
const fork = await client.wait((await client.fork(flow.id, { step: "second" })).id);
const again = (await client.steps(fork.id, { step: "first" })).map((step) => [step.result, step.is_copied]);
results.flow = [flow.result, stored, fork.result, again];

const chat = await client.sessions.create({ skill: "talk", metadata: { from: "typescript" } });
const asked = await client.sessions.ask(chat.id, "What is an owl?");
await client.sessions.send(chat.id, "And a lark?");
const seen: string[] = [];
for await (const item of client.sessions.stream(chat.id, { follow: false }))
  if (item.type === "message") seen.push(`${item.id} ${item.message.content.map((block) => block.text).join("")}`);
results.chat = [asked.result, seen];
results.titles = (await client.sessions.list({ q: "owl" })).map((one) => one.title);
results.renamed = (await client.sessions.update(chat.id, { title: "Birds" })).title;
await client.sessions.delete(chat.id);
results.deleted = ((await caught(() => client.sessions.get(chat.id))) as PurasAPIError).code;

const leaving = new AbortController();
const slow = await client.submit("tally", { wait_s: 30 });
const left = caught(async () => {
  for await (const event of client.stream(slow.id, { signal: leaving.signal })) if (event.type === "log") leaving.abort();
});
results.left = ((await left) as Error).name;
await client.cancel(slow.id);

const sent = await client.sendEvent("invoice.paid", { n: 1 }, "typescript-event");
results.sent = (await client.sendEvent("invoice.paid", { n: 1 }, "typescript-event")).received_at === sent.received_at;

if (cutAddress) {
  // Use one connection for each request, so that each request has its own cut.
  const alone = ((url: string, init: RequestInit) =>
    fetch(url, { ...init, keepalive: false, headers: { ...init.headers, Connection: "close" } })) as typeof fetch;
  const cut = new Puras({ apiBase: cutAddress, fetch: alone });
  results.cut = [];
  results.source = `typescript-${crypto.randomUUID()}`;
  for (let number = 0; number < Number(process.env.CUTS); number++) {
    const one = await cut.submit("tally", { upto: 1 }, { source: results.source as string, metadata: { cut: number } });
    (results.cut as string[]).push(one.id);
  }
  const whole = (await client.events(job.id)).map((event) => event.id);
  const streamed: number[] = [];
  for await (const event of cut.stream(job.id)) streamed.push(event.id);
  results.streamed = JSON.stringify(streamed) === JSON.stringify(whole);
}
console.log(JSON.stringify(results));
