// The events of a job as the pages read them. Events of earlier releases can lack each field of a payload.
import type { EventRead } from "../../clients/typescript/src/generated";

/** The fields of all types of events that the pages show. */
export interface Payload {
  [name: string]: unknown;
  action?: string;
  approvals?: number;
  attempt?: number;
  billed_micros?: number | null;
  branch?: string | number | null;
  by?: string;
  cache_creation_input_tokens?: number | null;
  cache_hit?: boolean;
  cache_read_input_tokens?: number | null;
  changed?: string[];
  code?: string | null;
  connections?: number;
  cost_micros?: number | null;
  decision?: string;
  duration_ms?: number | null;
  durable_step?: string;
  edits?: unknown[];
  error?: string | null;
  first_step?: number;
  fraction?: number;
  from_job_id?: string;
  from_step?: number;
  func?: string;
  host?: string;
  input_tokens?: number | null;
  job_id?: string | null;
  kind?: string;
  label?: string | null;
  layers?: string[];
  limit_s?: number;
  log?: string;
  message?: string;
  model?: string;
  module?: string;
  name?: string;
  network?: string | string[];
  ok?: boolean;
  output_tokens?: number | null;
  phases?: Record<string, number>;
  port?: number;
  position?: number;
  preview?: string;
  rail?: string;
  reason?: string;
  received_bytes?: number;
  refused?: number;
  sent_bytes?: number;
  sid?: string;
  skill?: string;
  source?: string;
  status?: string;
  step?: number;
  stop_reason?: string | null;
  stream?: string;
  text?: string;
  tool?: string;
  tool_count?: number;
  tool_use_id?: string;
  took_s?: number;
  tries?: number;
  until?: string | null;
  used_micros?: number | null;
  verb?: string;
  version?: number | null;
  warm?: boolean;
  worker?: string;
}

export interface JobEvent extends Omit<EventRead, "payload"> {
  payload: Payload;
}

/** A part of the reply that the model is writing. It has no ID; `restart` if it contains the whole text so far. */
export interface Delta {
  type: "delta";
  id?: undefined;
  step: number;
  text?: string;
  restart?: boolean;
}

export type Received = JobEvent | Delta;

export const isEvent = (one: Received): one is JobEvent => Boolean(one.id);
