import { PurasAPIError } from "../../typescript/src/errors.js";
import type { EmbedRead } from "../../typescript/src/generated.js";
import { PAUSES_MS, Transport } from "../../typescript/src/transport.js";
import { CHART_STYLE } from "./chart.js";
import { showChat } from "./chat.js";
import { element } from "./dom.js";
import { showForm } from "./form.js";
import { textOf } from "./problems.js";
import { STYLE } from "./style.js";
import { showViews } from "./views.js";

const TIMEOUT_MS = 60_000;
const PUBLISHABLE_KEY = /^puras_pub_[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}$/;

/** The attributes of the script, checked. */
interface Options {
  skill: string;
  key: string;
  mode: "form" | "chat" | "both";
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) void start(script);

async function start(script: HTMLScriptElement): Promise<void> {
  const host = document.createElement("puras-skill");
  const root = host.attachShadow({ mode: "open" });
  // A constructed style sheet works with any content security policy of the page, unlike an element <style>.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE + CHART_STYLE);
  root.adoptedStyleSheets = [sheet];
  const widget = element("div", { class: "widget", part: "widget" }, element("p", { class: "muted", role: "status" }, "Loading…"));
  root.append(widget);
  if (!document.head.contains(script)) script.after(host);
  else if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => document.body.append(host));
  else document.body.append(host);
  try {
    await show(widget, script, host);
  } catch (error) {
    widget.replaceChildren(element("p", { class: "problem", role: "alert" }, textOf(error)));
  }
}

async function show(widget: HTMLElement, script: HTMLScriptElement, host: HTMLElement): Promise<void> {
  const { skill: name, key, mode } = optionsOf(script);
  const base = script.src.replace(/\/embed\.js([?#].*)?$/, "");
  const transport = new Transport(base, key, TIMEOUT_MS, PAUSES_MS.slice(0, 4), fetch.bind(globalThis));
  const path = `/v1/embeds/${name.split("/").map(encodeURIComponent).join("/")}`;
  const skill = await transport.json<EmbedRead>("GET", path);
  if (mode === "chat" && !skill.is_agentic) {
    throw new Error(`${skill.full_name} is not an agent, so there is no chat with it. Use data-mode="form".`);
  }
  const head = [
    element("p", { class: "title", part: "title" }, skill.title ?? skill.name),
    element("p", { class: "muted description", part: "description" }, skill.description),
  ];
  widget.replaceChildren(...head);
  const withForm = (root: ParentNode): void =>
    showForm(root, skill, transport, (job) => {
      host.dispatchEvent(new CustomEvent("puras-result", { bubbles: true, detail: { job_id: job.id, result: job.result } }));
    });
  const endUser = script.dataset.endUser || !skill.allows_visitors ? (): string => endUserOf(script) : visitor();
  if (mode === "form" || (mode === "both" && !(skill.is_agentic && (script.dataset.endUser || skill.allows_visitors)))) {
    withForm(widget);
  } else if (mode === "chat") {
    endUser();
    showChat(widget, skill, transport, endUser);
  } else {
    showViews(widget, { Form: withForm, Chat: (root) => showChat(root, skill, transport, endUser) });
  }
}

/** Return a function with the ID of this visitor: random, known to this page only, and forgotten when it is left. */
function visitor(): () => string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const id = `visitor:${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  return () => id;
}

function optionsOf({ dataset }: HTMLScriptElement): Options {
  const { skill, key, mode = "form" } = dataset;
  if (!skill) throw new Error('The script has no skill. Add data-skill="NAME".');
  if (!key) throw new Error('The script has no key. Add data-key="puras_pub_…", a publishable key for this skill.');
  if (key.startsWith("puras_live_")) {
    throw new Error(
      "data-key is a secret key, which every visitor of this page can read. Revoke it now, and use a publishable key " +
        "(puras_pub_…) for this skill.",
    );
  }
  if (!PUBLISHABLE_KEY.test(key)) {
    throw new Error("data-key is not a publishable key. It looks like puras_pub_xxxxxxxx.…, with the part after the dot.");
  }
  if (mode !== "form" && mode !== "chat" && mode !== "both") {
    throw new Error(`data-mode="${mode}" does not exist. Use "form", "chat" or "both".`);
  }
  return { skill, key, mode };
}

/** Return the current token of the user, which the page may replace before it expires. */
function endUserOf({ dataset }: Pick<HTMLScriptElement, "dataset">): string {
  if (dataset.endUser) return dataset.endUser;
  throw new PurasAPIError(
    'The script has no user. Add data-end-user="TOKEN", a token that your server signs for the user of the page.',
    400,
    "end_user_required",
  );
}
