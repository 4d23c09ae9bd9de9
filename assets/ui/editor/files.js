// The open files of a draft: the stored text, the edited text, and saving.
//
// Each file has at most one save in progress. Text that is edited in the meantime is saved afterwards, based on the ETag of that save.
import { callApi, read } from "../api";
import { beforeLeaving, forget, keep, take } from "../unsaved";

const SAVE_AFTER_MS = 600;
const KEEP_AFTER_MS = 250;
const RETRY_MS = [2_000, 5_000, 15_000, 30_000];
const MAX_SENT = 2;

const saving = new Map(); // URL → the save in progress; it continues after the user opens another page of the studio

/** Whether the stored text of a file may differ from the edited text. */
export const isUnsaved = (file) => Boolean(file) && (file.text !== file.saved || file.sent.length > 0);

/** The open files of one user in the draft at `base`, a URL of the API. */
export class Files {
  /** path → `{text, saved, revision, rev, isBinary, …}`: `saved` is the text at the ETag `revision`, `kept` the text that this browser
   *  has stored, `sent` are texts whose save was not confirmed; `conflict` is the change of another writer, `failure` the error of the
   *  last save, `restored` the time at which a restored text was stored. `rev` changes when the text was replaced from outside. */
  open = {};
  /** Called before the text is needed, for an editor that writes its text with a delay. */
  collect = () => {};
  /** Called after a file was saved. */
  onSaved = () => {};
  /** Resolves to the entry of a path in the file list of the draft. */
  findEntry = async () => undefined;
  /** ID of the draft. */
  draft = "";
  session = {};
  #isLeft = false;
  #listeners = new Set();
  #timers = {}; // path → {save, keep}
  #failures = {}; // path → failed saves in a row

  constructor(base, user) { this.base = base; this.user = user; }

  subscribe = (listener) => { this.#listeners.add(listener); return () => this.#listeners.delete(listener); };
  snapshot = () => this.open;

  /** Save, store and warn when the page is hidden, left or online again. Returns a function that stops this. */
  start() {
    this.#isLeft = false;
    const retry = () => this.#unsaved().forEach(([path, file]) => file.failure && this.#quietly(path));
    const hide = () => document.hidden && this.#keepAll();
    const warn = (event) => { this.#keepAll(); if (this.#unsaved().some(([, file]) => file.kept !== file.text)) event.preventDefault(); };
    const stop = beforeLeaving(this.#keepAll);
    addEventListener("online", retry);
    addEventListener("beforeunload", warn);
    document.addEventListener("visibilitychange", hide);
    return () => {
      stop();
      removeEventListener("online", retry);
      removeEventListener("beforeunload", warn);
      document.removeEventListener("visibilitychange", hide);
      this.#keepAll();
      for (const [path, file] of this.#unsaved()) if (!file.restored) this.#quietly(path);
      Object.values(this.#timers).forEach(({ save }) => clearTimeout(save));
      this.#isLeft = true;
      this.onSaved = () => {};
    };
  }

  /** Open a file, or load it again. Unsaved text of the user is restored; if the file has changed since, there is a conflict. */
  async load(path) {
    await this.settled(path);
    const kept = await take(this.#id(path)), stored = await this.#read(path).catch((error) => { if (kept && error.code === "draft_file_not_found") return null; throw error; });
    const facts = { text: stored?.text ?? "", saved: stored?.text ?? "", revision: stored?.etag ?? null, rev: (this.open[path]?.rev ?? 0) + 1, isBinary: stored?.isBinary ?? false, conflict: null, failure: null, restored: 0, kept: null, sent: [] };
    if (kept && kept.text !== stored?.text) {
      const isUnchanged = stored && (stored.etag === kept.base || kept.sent.includes(stored.text)), entry = isUnchanged ? null : await this.findEntry(path);
      Object.assign(facts, { text: kept.text, kept: kept.text, sent: kept.sent, restored: kept.at, revision: isUnchanged ? stored.etag : kept.base, conflict: isUnchanged ? null : entry ?? { is_deleted: true } });
    } else if (kept) forget(this.#id(path));
    this.#put(path, facts);
  }

  /** Set the edited text. */
  edit(path, text) {
    if (!this.#set(path, { text })) return;
    if (!isUnsaved(this.open[path])) this.#set(path, { failure: null, restored: 0 });
    const timers = (this.#timers[path] ??= {});
    clearTimeout(timers.keep);
    clearTimeout(timers.save);
    timers.keep = setTimeout(() => this.#keep(path), KEEP_AFTER_MS);
    timers.save = setTimeout(() => this.#quietly(path), SAVE_AFTER_MS);
  }

  /** Save a file; resolves as soon as its text is stored, or there is a conflict. Rejects with the error of a save that failed. */
  save(path) {
    const url = this.#url(path);
    clearTimeout(this.#timers[path]?.save);
    if (!saving.has(url)) saving.set(url, this.#saveUntilStored(path).finally(() => saving.delete(url)));
    return saving.get(url);
  }

  /** Resolves when no save of the file is in progress. */
  async settled(path) { await saving.get(this.#url(path))?.catch(() => {}); }

  /** Save all files. Rejects if one cannot be saved. */
  async saveAll() {
    this.collect();
    await Promise.all(this.#unsaved().map(([path]) => this.save(path)));
    const [path] = this.#unsaved().find(([, file]) => file.conflict) ?? [];
    if (path) throw { detail: `${path} is not saved, because another user changed it. Keep your text or use theirs first.` };
  }

  /** Save the text over the change of another user. */
  keepMine(path) {
    const { conflict } = this.open[path];
    this.#set(path, { revision: conflict.revision === undefined ? null : `"${conflict.revision}"`, conflict: null });
    return this.save(path);
  }

  /** Discard the unsaved text. */
  async discard(path) {
    this.collect();
    await this.settled(path);
    const { conflict, saved, rev } = this.open[path];
    clearTimeout(this.#timers[path]?.save);
    this.#forget(path);
    if (conflict?.is_deleted) this.drop(path);
    else if (conflict) await this.load(path);
    else this.#set(path, { text: saved, rev: rev + 1, conflict: null, failure: null, restored: 0, sent: [] });
  }

  /** Close a file. One that can neither be saved nor stored in this browser stays open. */
  async close(path) {
    this.collect();
    if (isUnsaved(this.open[path])) {
      await this.save(path).catch(() => {});
      if (isUnsaved(this.open[path]) && !(await this.#keep(path))) return;
    }
    this.drop(path);
  }

  /** Close a file without saving; delete what this browser has stored of it if it `isGone`. */
  drop(path, { isGone = false } = {}) {
    clearTimeout(this.#timers[path]?.save);
    if (isGone) this.#forget(path);
    const { [path]: _, ...rest } = this.open;
    this.#show(rest);
  }

  dropAll() { Object.keys(this.open).forEach((path) => this.drop(path)); }

  /** Show the changes of other users, by the list `files` of the draft, in files without unsaved text. */
  async follow(files) {
    for (const [path, { revision, conflict }] of Object.entries(this.open)) {
      const theirs = files.find((one) => one.path === path && !one.is_deleted);
      if (!theirs || conflict || saving.has(this.#url(path)) || theirs.revision <= Number(revision?.replaceAll('"', ""))) continue;
      const stored = await this.#read(path);
      this.collect();
      const now = this.open[path];
      if (now?.revision !== revision || saving.has(this.#url(path))) continue;
      if (!isUnsaved(now)) this.#set(path, { text: stored.text, saved: stored.text, revision: stored.etag, rev: now.rev + 1 });
      else if (now.text === stored.text) this.#saved(path, stored.text, stored.etag);
    }
  }

  async readText(path) { return (await this.#read(path)).text; }

  async #saveUntilStored(path) {
    let isSaved = false;
    while (isUnsaved(this.open[path]) && !this.open[path].conflict) {
      this.#set(path, { isSaving: true });
      try {
        await this.#saveOnce(path);
        this.#failures[path] = 0;
        isSaved = true;
      } catch (failure) {
        this.#set(path, { failure });
        this.#retryLater(path, failure);
        throw failure;
      } finally {
        this.#set(path, { isSaving: false });
      }
    }
    if (isSaved) this.onSaved();
  }

  async #saveOnce(path) {
    const { text, revision, sent, failure } = this.open[path];
    if (failure && sent.length && (await this.#adopt(path))) return; // the response was lost
    this.#set(path, { sent: [...sent, text].slice(-MAX_SENT) });
    this.#keep(path);
    try {
      const written = await callApi("PUT", this.#url(path), { ...this.session, body: text, headers: revision ? { "If-Match": revision } : {} });
      this.#saved(path, text, `"${written.revision}"`);
    } catch (error) {
      const isChanged = error.code === "draft_file_changed";
      if (isChanged && !error.is_deleted && (await this.#adopt(path))) return;
      if (error.httpStatus < 500) this.#set(path, { sent }); // the server has not stored it
      if (!isChanged) throw error;
      this.#set(path, { conflict: error, failure: null });
    }
  }

  /** Use the stored text as the saved one if this page has sent it; resolves to whether it has. */
  async #adopt(path) {
    const stored = await this.#read(path).catch((error) => { if (error.code === "draft_file_not_found") return null; throw error; });
    const isOurs = Boolean(stored) && (this.open[path]?.sent ?? []).includes(stored.text);
    if (isOurs) this.#saved(path, stored.text, stored.etag);
    return isOurs;
  }

  #saved(path, saved, revision) {
    if (!this.#set(path, { saved, revision, sent: [], conflict: null, failure: null, restored: 0 })) return;
    if (isUnsaved(this.open[path])) this.#keep(path);
    else this.#forget(path);
  }

  #retryLater(path, { code, httpStatus }) {
    if (this.#isLeft) return; // the text is stored in the browser, and restored when the file is opened again
    if (code !== "connection_lost" && httpStatus !== 429 && !(httpStatus >= 500)) return;
    const count = this.#failures[path] ?? 0;
    this.#failures[path] = count + 1;
    (this.#timers[path] ??= {}).save = setTimeout(() => this.#quietly(path), RETRY_MS[Math.min(count, RETRY_MS.length - 1)]);
  }

  /** Save without throwing: the state of the file shows a failure. */
  #quietly(path) { this.save(path).catch(() => {}); }

  #keepAll = () => { this.collect(); this.#unsaved().forEach(([path]) => this.#keep(path)); };

  /** Store the text in this browser; resolves to whether it is stored. */
  async #keep(path) {
    clearTimeout(this.#timers[path]?.keep);
    const file = this.open[path];
    if (!isUnsaved(file)) { this.#forget(path); return true; }
    const { text, revision: base, sent } = file, isKept = await keep(this.#id(path), { base, text, sent });
    this.#set(path, { kept: isKept ? text : null });
    return isKept;
  }

  #forget(path) {
    clearTimeout(this.#timers[path]?.keep);
    this.#set(path, { kept: null });
    forget(this.#id(path));
  }

  async #read(path) {
    const { bytes, etag } = await read(this.#url(path), this.session);
    try { return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), etag, isBinary: false }; } catch { return { text: "", etag, isBinary: true }; }
  }

  #unsaved() { return Object.entries(this.open).filter(([, file]) => isUnsaved(file)); }
  #id(path) { return { user: this.user, draft: this.draft, path }; }
  #url(path) { return `${this.base}/files/${encoded(path)}`; }
  #put(path, file) { this.#show({ ...this.open, [path]: file }); }
  #set(path, facts) { if (this.open[path]) this.#put(path, { ...this.open[path], ...facts }); return this.open[path]; }
  #show(open) { this.open = open; this.#listeners.forEach((listener) => listener()); }
}

export const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");
