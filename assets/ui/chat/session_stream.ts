// The stream of one session: messages, events of jobs and text in progress. It continues after a lost connection.
import { toSignIn } from "../sign_in";

const RETRY_MS = 1000, MAX_RETRY_MS = 10_000;

export interface StreamState {
  phase: "connecting" | "live" | "retrying" | "refused";
  detail?: string;
}

interface Follower {
  onItem: (id: string, event: string, data: any) => void;
  onState: (state: StreamState) => void;
}

/** Follow a session. `onItem(id, event, data)` gets each frame once, in order; `onState({phase, detail})` the state of the connection:
 *  `live`, `retrying` or `refused`. Returns a function that stops. */
export function followSession(project: string, session: string, { onItem, onState }: Follower) {
  const leaving = new AbortController();
  let last = "", delayMs = RETRY_MS;
  const run = async () => {
    while (!leaving.signal.aborted) {
      try {
        const headers = { "X-Puras-Project": project, Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
        const response = await fetch(`/v1/sessions/${session}/stream`, { headers, signal: leaving.signal });
        if (response.status === 401) { toSignIn(); return; }
        if (!response.ok && response.status < 500 && response.status !== 429) {
          onState({ phase: "refused", detail: (await response.json().catch(() => ({}))).detail ?? `The server returned status ${response.status}.` });
          return;
        }
        if (response.ok && response.body) {
          onState({ phase: "live" });
          delayMs = RETRY_MS;
          for await (const frame of frames(response.body.getReader())) {
            if (frame.event === "error") { onState({ phase: "refused", detail: JSON.parse(frame.data).detail }); return; }
            last = frame.id || last;
            onItem(frame.id, frame.event, JSON.parse(frame.data));
          }
        }
      } catch {
        if (leaving.signal.aborted) return;
      }
      onState({ phase: "retrying" });
      await new Promise((done) => setTimeout(done, delayMs));
      delayMs = Math.min(delayMs * 2, MAX_RETRY_MS);
    }
  };
  run();
  return () => leaving.abort();
}

async function* frames(reader: ReadableStreamDefaultReader<Uint8Array>) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n"), field = (name: string) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\n");
      text = text.slice(end + 2);
      if (field("data")) yield { id: field("id"), event: field("event") || "message", data: field("data") };
    }
  }
}
