// The open files of a draft: the stored text, the edited text, and saving.
//
// Each file has at most one save in progress. Text that is edited in the meantime is saved afterwards, based on the ETag of that save.
import type { DraftFileRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, errorCodeOf, encoded, read } from "../api";
import { beforeLeaving, forget, keep, take, type UnsavedFile } from "../unsaved";

const SAVE_AFTER_MS = 600;
const KEEP_AFTER_MS = 250;
const RETRY_MS = [2_000, 5_000, 15_000, 30_000];
const MAX_SENT = 2;

/** The change of another writer. A file that was never stored has none of its fields but `is_deleted`. */
export type OtherChange = Partial<Pick<DraftFileRead, "revision" | "updated_by" | "updated_at" | "is_deleted">>;

/** A file that a user has opened. */
export interface OpenFile {
  text: string;
  /** The text at the ETag `revision`. */
  saved: string;
  revision: string | null;
  /** Changes when the text was replaced from outside. */
  rev: number;
  isBinary: boolean;
  conflict: OtherChange | null;
  /** The error of the last save. */
  failure: ApiError | null;
  /** The time at which a restored text was stored. */
  restored: number;
  /** The text that this browser has stored. */
  kept: string | null;
  /** Texts whose save was not confirmed. */
  sent: string[];
  isSaving?: boolean;
}

interface Stored {
  text: string;
  etag: string | null;
  isBinary: boolean;
}

const isMissing = (error: unknown) => errorCodeOf(error) === "draft_file_not_found";

const saving = new Map<string, Promise<void>>(); // URL → the save in progress; it continues after the user opens another page of the studio

/** Whether the stored text of a file may differ from the edited text. */
export const isUnsaved = (file: OpenFile | null | undefined) => Boolean(file && (file.text !== file.saved || file.sent.length > 0));

/** The open files of one user in the draft at `base`, a URL of the API. */
export class Files {
  /** The open files by path. */
  open: Record<string, OpenFile> = {};
  /** Called before the text is needed, for an editor that writes its text with a delay. */
  collect: () => void = () => {};
  /** Called after a file was saved. */
  onSaved: () => unknown = () => {};
  /** Resolves to the entry of a path in the file list of the draft. */
  findEntry: (path: string) => Promise<DraftFileRead | undefined> = async () => undefined;
  /** ID of the draft. */
  draft = "";
  session = { project: "", csrf: "" };
  #isLeft = false;
  #listeners = new Set<() => void>();
  #timers: Record<string, { save?: number; keep?: number }> = {}; // by path
  #failures: Record<string, number> = {}; // path → failed saves in a row
  #loading = new Map<string, Promise<void>>(); // by path

  constructor(readonly base: string, readonly user: string) {}

  subscribe = (listener: () => void) => { this.#listeners.add(listener); return () => this.#listeners.delete(listener); };
  snapshot = () => this.open;

  /** Save, store and warn when the page is hidden, left or online again. Returns a function that stops this. */
  start() {
    this.#isLeft = false;
    const retry = () => this.#unsaved().forEach(([path, file]) => file.failure && this.#quietly(path));
    const hide = () => document.hidden && this.#keepAll();
    const warn = (event: Event) => { this.#keepAll(); if (this.#unsaved().some(([, file]) => file.kept !== file.text)) event.preventDefault(); };
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
  load(path: string): Promise<void> {
    // A second load would replace what the user has typed since the end of the first one.
    const work = this.#loading.get(path) ?? this.#load(path).finally(() => this.#loading.delete(path));
    this.#loading.set(path, work);
    return work;
  }

  async #load(path: string) {
    await this.settled(path);
    const kept = await take(this.#id(path)), stored = await this.#read(path).catch((error: unknown) => { if (kept && isMissing(error)) return null; throw error; });
    const facts: OpenFile = { text: stored?.text ?? "", saved: stored?.text ?? "", revision: stored?.etag ?? null, rev: (this.open[path]?.rev ?? 0) + 1, isBinary: stored?.isBinary ?? false, conflict: null, failure: null, restored: 0, kept: null, sent: [] };
    if (kept && kept.text !== stored?.text) {
      const unchanged = stored && (stored.etag === kept.base || kept.sent.includes(stored.text)) ? stored : null, entry = unchanged ? null : await this.findEntry(path);
      Object.assign(facts, { text: kept.text, kept: kept.text, sent: kept.sent, restored: kept.at, revision: unchanged ? unchanged.etag : kept.base, conflict: unchanged ? null : entry ?? { is_deleted: true } } satisfies Partial<OpenFile>);
    } else if (kept) forget(this.#id(path));
    this.#put(path, facts);
  }

  /** Set the edited text. */
  edit(path: string, text: string) {
    if (!this.#set(path, { text })) return;
    if (!isUnsaved(this.open[path])) this.#set(path, { failure: null, restored: 0 });
    const timers = (this.#timers[path] ??= {});
    clearTimeout(timers.keep);
    clearTimeout(timers.save);
    timers.keep = setTimeout(() => this.#keep(path), KEEP_AFTER_MS);
    timers.save = setTimeout(() => this.#quietly(path), SAVE_AFTER_MS);
  }

  /** Save a file; resolves as soon as its text is stored, or there is a conflict. Rejects with the error of a save that failed. */
  save(path: string): Promise<void> {
    const url = this.#url(path);
    clearTimeout(this.#timers[path]?.save);
    const work = saving.get(url) ?? this.#saveUntilStored(path).finally(() => saving.delete(url));
    saving.set(url, work);
    return work;
  }

  /** Whether a save of the file is in progress. */
  isSaving = (path: string) => saving.has(this.#url(path));

  /** Resolves when no save of the file is in progress. */
  async settled(path: string) { await saving.get(this.#url(path))?.catch(() => {}); }

  /** Save all files. Rejects if one cannot be saved. */
  async saveAll() {
    this.collect();
    await Promise.all(this.#unsaved().map(([path]) => this.save(path)));
    const conflicting = this.#unsaved().find(([, file]) => file.conflict);
    if (conflicting) throw { detail: `${conflicting[0]} is not saved, because another user changed it. Keep your text or use theirs first.` } satisfies ApiError;
  }

  /** Save the text over the change of another user. */
  keepMine(path: string) {
    const theirs = this.open[path]?.conflict?.revision;
    this.#set(path, { revision: theirs === undefined ? null : `"${theirs}"`, conflict: null });
    return this.save(path);
  }

  /** Discard the unsaved text. */
  async discard(path: string) {
    this.collect();
    await this.settled(path);
    const file = this.open[path];
    if (!file) return;
    const { conflict, saved, rev } = file;
    clearTimeout(this.#timers[path]?.save);
    this.#forget(path);
    if (conflict?.is_deleted) this.drop(path);
    else if (conflict) await this.load(path);
    else this.#set(path, { text: saved, rev: rev + 1, conflict: null, failure: null, restored: 0, sent: [] });
  }

  /** Close a file. One that can neither be saved nor stored in this browser stays open. */
  async close(path: string) {
    this.collect();
    if (isUnsaved(this.open[path])) {
      await this.save(path).catch(() => {});
      if (isUnsaved(this.open[path]) && !(await this.#keep(path))) return;
    }
    this.drop(path);
  }

  /** Close a file without saving; delete what this browser has stored of it if it `isGone`. */
  drop(path: string, { isGone = false } = {}) {
    clearTimeout(this.#timers[path]?.save);
    if (isGone) this.#forget(path);
    const { [path]: _, ...rest } = this.open;
    this.#show(rest);
  }

  dropAll() { Object.keys(this.open).forEach((path) => this.drop(path)); }

  /** Show the changes of other users, by the list `files` of the draft, in files without unsaved text. */
  async follow(files: DraftFileRead[]) {
    for (const [path, { revision, conflict }] of Object.entries(this.open)) {
      const theirs = files.find((one) => one.path === path && !one.is_deleted);
      if (!theirs || conflict || this.isSaving(path) || theirs.revision <= Number(revision?.replaceAll('"', ""))) continue;
      const stored = await this.#read(path);
      this.collect();
      const now = this.open[path];
      if (!now || now.revision !== revision || this.isSaving(path)) continue;
      if (!isUnsaved(now)) this.#set(path, { text: stored.text, saved: stored.text, revision: stored.etag, rev: now.rev + 1 });
      else if (now.text === stored.text) this.#saved(path, stored.text, stored.etag);
    }
  }

  async readText(path: string) { return (await this.#read(path)).text; }

  async #saveUntilStored(path: string) {
    let isSaved = false;
    while (isUnsaved(this.open[path]) && !this.open[path]?.conflict) {
      this.#set(path, { isSaving: true });
      try {
        await this.#saveOnce(path);
        this.#failures[path] = 0;
        isSaved = true;
      } catch (error) {
        const failure = error as ApiError;
        this.#set(path, { failure });
        this.#retryLater(path, failure);
        throw failure;
      } finally {
        this.#set(path, { isSaving: false });
      }
    }
    if (isSaved) this.onSaved();
  }

  async #saveOnce(path: string) {
    const file = this.open[path];
    if (!file) return;
    const { text, revision, sent, failure } = file;
    if (failure && sent.length && (await this.#adopt(path))) return; // the response was lost
    this.#set(path, { sent: [...sent, text].slice(-MAX_SENT) });
    this.#keep(path);
    try {
      const written = await callApi<DraftFileRead>("PUT", this.#url(path), { ...this.session, body: text, headers: { ...(revision && { "If-Match": revision }) } });
      this.#saved(path, text, `"${written.revision}"`);
    } catch (error) {
      const problem = error as ApiError & OtherChange, isChanged = problem.code === "draft_file_changed";
      if (isChanged && !problem.is_deleted && (await this.#adopt(path))) return;
      if (problem.httpStatus && problem.httpStatus < 500) this.#set(path, { sent }); // the server has not stored it
      if (!isChanged) throw error;
      this.#set(path, { conflict: problem, failure: null });
    }
  }

  /** Use the stored text as the saved one if this page has sent it; resolves to whether it has. */
  async #adopt(path: string) {
    const stored = await this.#read(path).catch((error: unknown) => { if (isMissing(error)) return null; throw error; });
    if (!stored || !this.open[path]?.sent.includes(stored.text)) return false;
    this.#saved(path, stored.text, stored.etag);
    return true;
  }

  #saved(path: string, saved: string, revision: string | null) {
    if (!this.#set(path, { saved, revision, sent: [], conflict: null, failure: null, restored: 0 })) return;
    if (isUnsaved(this.open[path])) this.#keep(path);
    else this.#forget(path);
  }

  #retryLater(path: string, { code, httpStatus = 0 }: ApiError) {
    if (this.#isLeft) return; // the text is stored in the browser, and restored when the file is opened again
    if (code !== "connection_lost" && httpStatus !== 429 && !(httpStatus >= 500)) return;
    const count = this.#failures[path] ?? 0;
    this.#failures[path] = count + 1;
    (this.#timers[path] ??= {}).save = setTimeout(() => this.#quietly(path), RETRY_MS[Math.min(count, RETRY_MS.length - 1)]);
  }

  /** Save without throwing: the state of the file shows a failure. */
  #quietly(path: string) { this.save(path).catch(() => {}); }

  #keepAll = () => { this.collect(); this.#unsaved().forEach(([path]) => this.#keep(path)); };

  /** Store the text in this browser; resolves to whether it is stored. */
  async #keep(path: string) {
    clearTimeout(this.#timers[path]?.keep);
    const file = this.open[path];
    if (!file || !isUnsaved(file)) { this.#forget(path); return true; }
    const { text, revision: base, sent } = file, isKept = await keep(this.#id(path), { base, text, sent });
    this.#set(path, { kept: isKept ? text : null });
    return isKept;
  }

  #forget(path: string) {
    clearTimeout(this.#timers[path]?.keep);
    this.#set(path, { kept: null });
    forget(this.#id(path));
  }

  async #read(path: string): Promise<Stored> {
    const { bytes, etag } = await read(this.#url(path), this.session);
    try { return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), etag, isBinary: false }; } catch { return { text: "", etag, isBinary: true }; }
  }

  #unsaved() { return Object.entries(this.open).filter(([, file]) => isUnsaved(file)); }
  #id(path: string): UnsavedFile { return { user: this.user, draft: this.draft, path }; }
  #url(path: string) { return `${this.base}/files/${encoded(path)}`; }
  #put(path: string, file: OpenFile) { this.#show({ ...this.open, [path]: file }); }
  #set(path: string, facts: Partial<OpenFile>) { const file = this.open[path]; if (file) this.#put(path, { ...file, ...facts }); return this.open[path]; }
  #show(open: Record<string, OpenFile>) { this.open = open; this.#listeners.forEach((listener) => listener()); }
}
