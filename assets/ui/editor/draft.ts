// The draft of a skillpack, as the editor and the notebook page have it open.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { DraftCheckRead, DraftFileRead, DraftRead, DraftReset } from "../../../clients/typescript/src/generated";
import { callApi, errorCodeOf, encoded, messageOf } from "../api";
import { unsavedPaths } from "../unsaved";
import { Files } from "./files";

const REFRESH_MS = 10_000;

/** The URL of a draft, and the session of the user. */
export interface Caller {
  base: string;
  project: string;
  csrf: string;
}

/** What the validator has found in a draft. */
export interface DraftCheck extends DraftCheckRead {
  /** The draft has problems: its skills are those of its last state without problems. */
  isStale?: boolean;
}

interface Options extends Caller {
  /** The ID of the user. */
  user: string;
  onError: (message: string) => void;
  isShown: (path: string) => boolean;
}

const UNCHECKED: DraftCheck = { problems: [], warnings: [], skills: [], excluded_files: [], left_out: [], revision: -1 };

/** `{view, open, load, edit, saveAll, …}` of the draft at `base`, a URL of the API. Unsaved text of the user is restored in the
 *  files that `isShown` on this page. */
export function useDraft({ base, project, csrf, user, onError, isShown }: Options) {
  const [view, setView] = useState<DraftRead | null>(null), [check, setCheck] = useState(UNCHECKED);
  const files = useMemo(() => new Files(base, user), [base, user]), open = useSyncExternalStore(files.subscribe, files.snapshot, files.snapshot);
  const session = { project, csrf };
  files.session = session;
  const guard = useCallback((work: () => Promise<unknown>) => work().catch((error: unknown) => onError(messageOf(error))), [onError]);
  const inBackground = useCallback((work: () => Promise<unknown>) => guard(() => work().catch((error: unknown) => { if (errorCodeOf(error) !== "connection_lost") throw error; })), [guard]);

  const refresh = useCallback(async (): Promise<DraftRead> => {
    const [fresh, checked] = await Promise.all([callApi<DraftRead>("GET", base, session), callApi<DraftCheck>("GET", `${base}/check`, session)]);
    if (!files.draft) { // the first time, files with unsaved text are opened before others
      files.draft = fresh.skillpack_id;
      files.findEntry = async (path) => entryOf(fresh, path);
      const paths = (await unsavedPaths(user, files.draft)).filter(isShown);
      const loaded = paths.map((path) => [path, files.load(path).catch(() => {})] as const);
      await Promise.all(loaded.map(([path, work]) => (files.isSaving(path) ? null : work))); // a save may take long
      files.findEntry = async (path) => entryOf(await refresh(), path);
    }
    setView((before) => (before && before.revision > fresh.revision ? before : fresh));
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

  const change = (work: () => Promise<unknown>) => guard(async () => { await work(); await refresh(); });
  const changeAll = (work: () => Promise<unknown>) => change(async () => { await files.saveAll(); await work(); files.dropAll(); });
  return {
    view, check, open, files, saveAll: () => files.saveAll(), saveNow: () => { files.saveAll().catch(() => {}); }, refresh: () => guard(refresh),
    load: (path: string) => guard(() => files.load(path)), edit: (path: string, text: string) => files.edit(path, text), save: (path: string) => guard(() => files.save(path)),
    close: (path: string) => files.close(path), keepMine: (path: string) => guard(() => files.keepMine(path)), discard: (path: string) => guard(() => files.discard(path)),
    readTheirs: (path: string) => files.readText(path),
    create: (texts: Record<string, string | File>) => change(async () => { for (const [path, text] of Object.entries(texts)) await callApi("PUT", `${base}/files/${encoded(path)}`, { ...session, body: text }); }),
    remove: (path: string) => change(async () => { await files.settled(path); await callApi("DELETE", `${base}/files/${encoded(path)}`, session); files.drop(path, { isGone: true }); }),
    restore: (path: string) => change(() => callApi("POST", `${base}/restore/${encoded(path)}`, session)),
    move: (path: string, to: string) => changeAll(() => callApi("POST", `${base}/move`, { ...session, json: { path, to } })),
    reset: (json: DraftReset) => changeAll(() => callApi("POST", `${base}/reset`, { ...session, json })),
    upload: (file: File) => changeAll(() => { const body = new FormData(); body.append("bundle", file, file.name); return callApi("POST", `${base}/import`, { ...session, body }); }),
  };
}

/** A draft whose files may still be loading. */
export type Draft = ReturnType<typeof useDraft>;

export type LoadedDraft = Draft & { view: DraftRead };

const entryOf = (view: DraftRead, path: string): DraftFileRead | undefined => view.files.find((one) => one.path === path);
