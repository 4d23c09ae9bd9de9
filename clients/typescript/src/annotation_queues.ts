import type {
  AnnotationCasesCreated,
  AnnotationItemRead,
  AnnotationItemsAdded,
  AnnotationNext,
  AnnotationPut,
  AnnotationQueueCreate,
  AnnotationQueueRead,
  AnnotationQueueUpdate,
  AnnotationRead,
} from "./generated.js";
import { newKey, type Transport } from "./transport.js";

const PATH = "/v1/annotation-queues";
/** Maximum number of jobs that one request adds. */
const MAX_ADDED = 1_000;

/** Creates queues of jobs, reviews the jobs, and exports the annotations. */
export class AnnotationQueues {
  constructor(private readonly transport: Transport) {}

  /** Return the queues by name, with their progress. */
  async list(): Promise<AnnotationQueueRead[]> {
    return await this.transport.json("GET", PATH);
  }

  /** Return a queue with its progress. */
  async get(queueId: string): Promise<AnnotationQueueRead> {
    return await this.transport.json("GET", one(queueId));
  }

  /** Create a queue. With a `filter`, jobs that match are added when they have ended; without one, jobs are added with `add`. */
  async create(
    name: string,
    rubric: AnnotationQueueCreate["rubric"],
    options: Partial<Omit<AnnotationQueueCreate, "name" | "rubric">> = {},
  ): Promise<AnnotationQueueRead> {
    return await this.transport.json("POST", PATH, { body: { name, rubric, ...options }, idempotencyKey: newKey() });
  }

  /** Change a queue, and return it. */
  async update(queueId: string, changes: AnnotationQueueUpdate): Promise<AnnotationQueueRead> {
    return await this.transport.json("PATCH", one(queueId), { body: changes });
  }

  /** Delete a queue. The annotations of its jobs remain. */
  async delete(queueId: string): Promise<void> {
    await this.transport.nothing("DELETE", one(queueId));
  }

  /** Return the jobs of a queue in their order. */
  async items(queueId: string, options: { status?: AnnotationItemRead["status"] } = {}): Promise<AnnotationItemRead[]> {
    return await this.transport.all(`${one(queueId)}/items`, { ...options });
  }

  /** Add jobs that have ended, and return how many were not in the queue. */
  async add(queueId: string, jobIds: readonly string[]): Promise<number> {
    let added = 0;
    for (let start = 0; start < jobIds.length; start += MAX_ADDED) {
      const body = { job_ids: jobIds.slice(start, start + MAX_ADDED) };
      const made = await this.transport.json<AnnotationItemsAdded>("POST", `${one(queueId)}/items`, { body, repeatable: true });
      added += made.added;
    }
    return added;
  }

  /**
   * Claim the next job for ten minutes, so that no other reviewer gets it; null if no job is left. `after` is the `number`
   * of the present item.
   */
  async next(queueId: string, options: { after?: number } = {}): Promise<AnnotationItemRead | null> {
    const found = await this.transport.json<AnnotationNext>("POST", `${one(queueId)}/next`, { body: options });
    return found.item;
  }

  /** Mark a job as skipped, without a review. */
  async skip(queueId: string, itemId: string): Promise<AnnotationItemRead> {
    return await this.transport.json("POST", item(queueId, itemId, "/skip"), { repeatable: true });
  }

  /** Save your review of a job. It replaces your earlier one of the same job and step. */
  async annotate(
    queueId: string,
    itemId: string,
    scores: AnnotationPut["scores"],
    options: Partial<Omit<AnnotationPut, "scores">> = {},
  ): Promise<AnnotationRead> {
    return await this.transport.json("PUT", item(queueId, itemId, "/annotation"), { body: { scores, ...options } });
  }

  /** Return the annotations of a job, of all queues and reviewers. */
  async ofJob(jobId: string): Promise<AnnotationRead[]> {
    return await this.transport.json("GET", `/v1/jobs/${encodeURIComponent(jobId)}/annotations`);
  }

  /** Return the annotations of a queue as CSV or as lines of JSON. */
  async export(queueId: string, options: { format?: "csv" | "jsonl" } = {}): Promise<Blob> {
    const query = { format: options.format ?? "jsonl" };
    const response = await this.transport.response("GET", `${one(queueId)}/export`, { query });
    return await response.blob();
  }

  /** Save the reviewed jobs as eval cases, with the corrected outputs as the expected ones. */
  async saveEvalCases(
    queueId: string,
    options: { tags?: string[]; include_uncorrected?: boolean } = {},
  ): Promise<Omit<AnnotationCasesCreated, "next_after">> {
    const total: Omit<AnnotationCasesCreated, "next_after"> = { created: 0, existing: 0, uncorrected: 0, rejected: [] };
    let after: number | null = null;
    do {
      const body = { ...options, after };
      const made: AnnotationCasesCreated = await this.transport.json("POST", `${one(queueId)}/eval-cases`, { body });
      total.created += made.created;
      total.existing += made.existing;
      total.uncorrected += made.uncorrected;
      total.rejected.push(...made.rejected);
      after = made.next_after;
    } while (after !== null);
    return total;
  }
}

function one(queueId: string): string {
  return `${PATH}/${encodeURIComponent(queueId)}`;
}

function item(queueId: string, itemId: string, rest: string): string {
  return `${one(queueId)}/items/${encodeURIComponent(itemId)}${rest}`;
}
