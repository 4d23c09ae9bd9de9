// The working copy of a skillpack, as the editor holds it: what is open, what is being written, and who else wrote.
import { useCallback, useEffect, useRef, useState } from "react";
import { ask, read } from "../api";

const SAVE_AFTER_MS = 600;
const LOOK_EVERY_MS = 10_000;

/** `{view, files, open, save, …}` of the working copy at `base`, an address of the API. */
export function useDraft({ base, project, csrf, onError }) {
  const [view, setView] = useState(null), [check, setCheck] = useState({ problems: [], warnings: [], skills: [] });
  const [open, setOpen] = useState({}); // path → {text, saved, revision, rev, isBinary, conflict}
  const held = useRef({});
  held.current = open;
  const timers = useRef({}), session = { project, csrf };
  const change = useCallback((path, facts) => setOpen((before) => ({ ...before, [path]: { ...before[path], ...facts } })), []);
  const guard = useCallback((work) => work().catch((error) => onError(error.detail ?? "That did not work.")), [onError]);

  const refresh = useCallback(async () => {
    const [fresh, checked] = await Promise.all([ask("GET", base, session), ask("GET", `${base}/check`, session)]);
    setView(fresh);
    setCheck((before) => (checked.skills.length || !checked.problems.length ? checked : { ...checked, skills: before.skills, isStale: true }));
    return fresh;
  }, [base, project, csrf]);

  const load = useCallback(async (path) => {
    const { bytes, etag } = await read(address(base, path), session);
    const text = decoded(bytes);
    setOpen((before) => ({ ...before, [path]: { text: text ?? "", saved: text ?? "", revision: etag, rev: (before[path]?.rev ?? 0) + 1, isBinary: text === null, conflict: null } }));
  }, [base, project, csrf]);

  const save = useCallback(async (path, { over = false } = {}) => {
    clearTimeout(timers.current[path]);
    const file = held.current[path];
    if (!file || file.isBinary || (!over && (file.conflict || file.text === file.saved))) return;
    const { text } = file;
    try {
      const written = await ask("PUT", address(base, path), { ...session, body: text, headers: { "If-Match": over ? "*" : file.revision } });
      change(path, { saved: text, revision: `"${written.revision}"`, conflict: null });
      await refresh();
    } catch (error) {
      if (error.code === "draft_file_changed") change(path, { conflict: error });
      else throw error;
    }
  }, [base, project, csrf, change, refresh]);

  const edit = useCallback((path, text) => {
    change(path, { text });
    clearTimeout(timers.current[path]);
    timers.current[path] = setTimeout(() => guard(() => save(path)), SAVE_AFTER_MS);
  }, [change, save, guard]);

  const saveAll = useCallback(() => Promise.all(Object.keys(held.current).map((path) => save(path))), [save]);

  useEffect(() => {
    setOpen({});
    guard(refresh);
    const timer = setInterval(() => document.hidden || guard(async () => {
      const fresh = await refresh();
      for (const [path, file] of Object.entries(held.current)) { // what others wrote shows by itself where nothing of ours is pending
        const theirs = fresh.files.find((one) => one.path === path);
        if (theirs && !theirs.is_deleted && `"${theirs.revision}"` !== file.revision && file.text === file.saved) await load(path);
      }
    }), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [base]);
  useEffect(() => {
    const warn = (event) => { if (Object.values(held.current).some((file) => file.text !== file.saved)) event.preventDefault(); };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);

  const act = (method, path, json) => guard(async () => { await ask(method, `${base}${path}`, { ...session, json }); await refresh(); });
  return {
    view, check, open, load: (path) => guard(() => load(path)), edit, saveAll, refresh: () => guard(refresh),
    close: (path) => setOpen(({ [path]: _, ...rest }) => rest),
    keepMine: (path) => guard(() => save(path, { over: true })), takeTheirs: (path) => guard(() => load(path)),
    readTheirs: async (path) => decoded((await read(address(base, path), session)).bytes) ?? "",
    create: (files) => guard(async () => { for (const [path, text] of Object.entries(files)) await ask("PUT", address(base, path), { ...session, body: text }); await refresh(); }),
    remove: (path) => guard(async () => { await ask("DELETE", address(base, path), session); setOpen(({ [path]: _, ...rest }) => rest); await refresh(); }),
    restore: (path) => act("POST", `/restore/${encoded(path)}`),
    move: (path, to) => guard(async () => { await saveAll(); await ask("POST", `${base}/move`, { ...session, json: { path, to } }); setOpen({}); await refresh(); }),
    reset: (json) => guard(async () => { await ask("POST", `${base}/reset`, { ...session, json }); setOpen({}); await refresh(); }),
    bring: (file) => guard(async () => { const body = new FormData(); body.append("bundle", file, file.name); await ask("POST", `${base}/import`, { ...session, body }); setOpen({}); await refresh(); }),
  };
}

const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");
const address = (base, path) => `${base}/files/${encoded(path)}`;

function decoded(bytes) {
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return null; }
}
