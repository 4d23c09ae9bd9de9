// The draft of a skillpack, as the editor and the notebook page have it open.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { callApi } from "../api";
import { unsavedPaths } from "../unsaved";
import { Files, encoded } from "./files";

const REFRESH_MS = 10_000;

/** `{view, open, load, edit, saveAll, …}` of the draft at `base`, a URL of the API. Unsaved text of the user is restored in the
 *  files that `isShown` on this page. */
export function useDraft({ base, project, csrf, user, onError, isShown }) {
  const [view, setView] = useState(null), [check, setCheck] = useState({ problems: [], warnings: [], skills: [] });
  const files = useMemo(() => new Files(base, user), [base, user]), open = useSyncExternalStore(files.subscribe, files.snapshot, files.snapshot);
  const session = { project, csrf };
  files.session = session;
  const guard = useCallback((work) => work().catch((error) => onError(error.detail ?? "The request failed. Try again.")), [onError]);
  const inBackground = useCallback((work) => guard(() => work().catch((error) => { if (error.code !== "connection_lost") throw error; })), [guard]);

  const refresh = useCallback(async () => {
    const [fresh, checked] = await Promise.all([callApi("GET", base, session), callApi("GET", `${base}/check`, session)]);
    if (!files.draft) { // the first time, files with unsaved text are opened before others
      files.draft = fresh.skillpack_id;
      files.findEntry = async (path) => entryOf(fresh, path);
      const paths = (await unsavedPaths(user, files.draft)).filter(isShown);
      await Promise.all(paths.map((path) => files.load(path).catch(() => {})));
      files.findEntry = async (path) => entryOf(await refresh(), path);
    }
    setView((before) => (before?.revision > fresh.revision ? before : fresh));
    setCheck((before) => (before.revision > checked.revision ? before : checked.skills.length || !checked.problems.length ? checked : { ...checked, skills: before.skills, isStale: true }));
    return fresh;
  }, [files, project, csrf]);
  files.onSaved = () => inBackground(refresh);

  useEffect(() => files.start(), [files]);
  useEffect(() => {
    guard(refresh);
    const timer = setInterval(() => document.hidden || inBackground(async () => files.follow((await refresh()).files)), REFRESH_MS);
    return () => clearInterval(timer);
  }, [files]);

  const change = (work) => guard(async () => { await work(); await refresh(); });
  const changeAll = (work) => change(async () => { await files.saveAll(); await work(); files.dropAll(); });
  return {
    view, check, open, files, saveAll: () => files.saveAll(), saveNow: () => { files.saveAll().catch(() => {}); }, refresh: () => guard(refresh),
    load: (path) => guard(() => files.load(path)), edit: (path, text) => files.edit(path, text), save: (path) => guard(() => files.save(path)),
    close: (path) => files.close(path), keepMine: (path) => guard(() => files.keepMine(path)), discard: (path) => guard(() => files.discard(path)),
    readTheirs: (path) => files.readText(path),
    create: (texts) => change(async () => { for (const [path, text] of Object.entries(texts)) await callApi("PUT", `${base}/files/${encoded(path)}`, { ...session, body: text }); }),
    remove: (path) => change(async () => { await files.settled(path); await callApi("DELETE", `${base}/files/${encoded(path)}`, session); files.drop(path, { isGone: true }); }),
    restore: (path) => change(() => callApi("POST", `${base}/restore/${encoded(path)}`, session)),
    move: (path, to) => changeAll(() => callApi("POST", `${base}/move`, { ...session, json: { path, to } })),
    reset: (json) => changeAll(() => callApi("POST", `${base}/reset`, { ...session, json })),
    upload: (file) => changeAll(() => { const body = new FormData(); body.append("bundle", file, file.name); return callApi("POST", `${base}/import`, { ...session, body }); }),
  };
}

const entryOf = (view, path) => view.files.find((one) => one.path === path);
