import { PurasAPIError } from "../../typescript/src/errors.js";

/** Return the text of an error for the visitor of the page: what happened, and what to do. */
export function textOf(error: unknown): string {
  if (!(error instanceof PurasAPIError)) return error instanceof Error ? error.message : String(error);
  if (error.status === null) return "The server does not respond. Check your connection, then try again.";
  if (error.status === 429) return "Too many requests at the moment. Wait a minute, then try again.";
  if (error.status >= 500) return `The server cannot do this at the moment. Try again later. (${error.message})`;
  return error.message;
}
