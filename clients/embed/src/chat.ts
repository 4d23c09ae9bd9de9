import type { EmbedRead, MessageRead } from "../../typescript/src/generated.js";
import { Sessions } from "../../typescript/src/sessions.js";
import type { Transport } from "../../typescript/src/transport.js";
import { element } from "./dom.js";
import { textOf } from "./problems.js";
import { shown } from "./result.js";

/** Show a conversation with an agent. Its session starts with the first message. */
export function showChat(root: ParentNode, skill: EmbedRead, transport: Transport, endUserToken: () => string): void {
  const sessions = new Sessions(transport, endUserToken);
  const messages = element("div", { class: "messages", role: "log", "aria-label": "Messages", tabindex: "0", part: "messages" });
  const partial = element("div", { class: "message agent text", "aria-hidden": "true", hidden: true });
  const status = element("p", { class: "status", role: "status" });
  const problem = element("p", { class: "problem", role: "alert" });
  const entry = element("textarea", { id: "message", rows: "2", "aria-describedby": "keys" });
  const send = element("button", { type: "submit", part: "button" }, "Send");
  const stop = element("button", { type: "button", class: "plain", hidden: true }, "Stop");
  const keys = element("p", { class: "muted", id: "keys" }, "Enter sends, Shift and Enter start a new line.");
  const form = element("form", { part: "form", novalidate: true, "aria-label": skill.title ?? skill.name });
  form.append(
    element("label", { for: "message" }, "Message"),
    entry,
    keys,
    element("div", { class: "row" }, send, stop, status),
    problem,
  );
  root.append(element("div", { class: "frame" }, messages, partial), form);
  let sessionId: string | undefined;
  let isBusy = false;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  entry.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void submit();
  });
  stop.addEventListener("click", () => {
    if (sessionId) sessions.cancel(sessionId).catch((error: unknown) => void (problem.textContent = textOf(error)));
  });

  async function submit(): Promise<void> {
    const text = entry.value.trim();
    if (isBusy || text === "") return;
    problem.textContent = "";
    setBusy(true);
    let isSent = false;
    try {
      const id = sessionId ?? (await sessions.create({ skill: skill.full_name })).id;
      sessionId = id;
      const { turn } = await sessions.send(id, text);
      isSent = true;
      entry.value = "";
      add("You", "user", element("span", { class: "text" }, text));
      add("Reply", "agent", content(await reply(id, turn)));
    } catch (error) {
      // A message that was sent must not be sent again because the connection broke.
      problem.textContent = isSent ? `The reply is missing: ${textOf(error)}` : textOf(error);
    } finally {
      setBusy(false);
      entry.focus();
    }
  }

  async function reply(id: string, turn: number): Promise<MessageRead> {
    for await (const item of sessions.stream(id, { after: `${turn - 1}.end` })) {
      if (item.turn !== turn) continue;
      if (item.type === "delta") {
        if (item.restart) partial.textContent = "";
        partial.hidden = false;
        partial.append(item.text);
      } else if (item.type === "event" && item.event.type === "waiting") {
        const reason = (item.event.payload as { reason?: unknown }).reason;
        status.textContent = reason === "approval" ? "Waiting for an approval…" : "Waiting…";
      } else if (item.type === "message" && item.message.role === "assistant") return item.message;
    }
    throw new Error("The connection has ended before the reply. Send another message.");
  }

  function add(author: string, kind: string, body: Node): void {
    messages.append(element("div", { class: `message ${kind}` }, element("span", { class: "muted" }, author), body));
    messages.scrollTop = messages.scrollHeight;
  }

  function setBusy(now: boolean): void {
    isBusy = now;
    send.setAttribute("aria-disabled", String(now));
    stop.hidden = !now;
    status.textContent = now ? "The agent replies…" : "";
    partial.hidden = true;
    partial.textContent = "";
  }
}

function content(message: MessageRead): Node {
  const texts = message.content.filter((block) => block.type === "text").map((block) => String(block.text));
  const parts: Node[] = texts.map((text) => element("span", { class: "text" }, text));
  if (parts.length === 0 && message.result != null) parts.push(shown(message.result));
  if (message.interrupted) parts.push(element("p", { class: "muted" }, "Stopped."));
  else if (message.error) parts.push(element("p", { class: "problem" }, message.error));
  return element("div", {}, ...parts);
}
