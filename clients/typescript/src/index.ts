export * from "./annotation_queues.js";
export * from "./environments.js";
export * from "./errors.js";
export * from "./generated.js";
export * from "./puras.js";
export * from "./sessions.js";
export type { Delta, StreamOptions } from "./stream.js";
export type { CallOptions } from "./transport.js";
