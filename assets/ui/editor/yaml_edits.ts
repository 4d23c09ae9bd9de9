// The text of a YAML file that a form or the canvas changes.
//
// Every change is an edit of the text by the API, which leaves the rest of the text as it is. The text of the editor stays the only state.
import { useEffect, useRef, useState } from "react";
import type { FlowYamlEdit, FlowYamlRead, SkillYamlEdit, SkillYamlRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import type { Mapping } from "./yaml_values";

export type SkillEdit = NonNullable<SkillYamlEdit["edits"]>[number];
export type FlowEdit = NonNullable<FlowYamlEdit["edits"]>[number];

/** Make edits; resolves to whether they were made. */
export type Write<Change = SkillEdit> = (edits: Change[]) => Promise<boolean>;

/** Make edits, which may be a function of the newest values. */
export type Edit<Change = SkillEdit> = (edits: Change[] | ((newest: Mapping) => Change[])) => Promise<boolean>;

/** The edits and the response of each route. */
interface Routes {
  "/v1/skill-yaml/edit": { edit: SkillEdit; read: SkillYamlRead };
  "/v1/flow-yaml/edit": { edit: FlowEdit; read: FlowYamlRead };
}

/** A text in the editor. */
export interface EditedText {
  text: string;
  project: string;
  csrf: string;
  /** Write the text of the editor. */
  replace: (text: string) => void;
  /** Receives each edit in progress. */
  onPending: (work: Promise<unknown>) => void;
}

interface Replaced {
  before: string;
  after: string;
}

/** `{found, failure, edit, undo, redo}`: `found` is what the route `url` returns for the text, with the text itself. `edit(edits)` resolves
 *  to whether they were made; `edits` may be a function of the newest values. `undo` and `redo` are null while there is nothing to
 *  undo or redo. */
export function useYamlEdits<Url extends keyof Routes>(url: Url, { text, project, csrf, replace, onPending }: EditedText) {
  type Change = Routes[Url]["edit"];
  type Found = Routes[Url]["read"];
  const [found, setFound] = useState<Found | null>(null), [failure, setFailure] = useState(""), [history, setHistory] = useState<{ past: Replaced[]; future: Replaced[] }>({ past: [], future: [] });
  const latest = useRef(text), queue = useRef(Promise.resolve(true)), newest = useRef<Found | null>(null);
  latest.current = text;
  if (found) newest.current = found;
  const send = (edits: Change[]) => callApi<Found>("POST", url, { project, csrf, json: { text: latest.current, edits } });
  useEffect(() => {
    if (found?.text === text) return undefined;
    let isOutdated = false;
    send([]).then((read) => isOutdated || setFound({ ...read, text }), (error) => isOutdated || setFailure(messageOf(error)));
    return () => { isOutdated = true; };
  }, [text]);
  const write = (next: string) => { latest.current = next; replace(next); };
  const apply = async (edits: Parameters<Edit<Change>>[0]) => {
    try {
      let before: string, result: Found;
      do { // the text may change while an edit is in progress
        before = latest.current;
        result = await send(typeof edits === "function" ? edits(newest.current?.document ?? {}) : edits);
      } while (latest.current !== before);
      const after = result.text.replaceAll(/\r\n?/g, "\n"); // as the code editor stores it
      if (result.text !== before) {
        newest.current = { ...result, text: after };
        setFound({ ...result, text: after });
        setHistory(({ past }) => ({ past: [...past, { before, after }], future: [] }));
        write(after);
      }
      setFailure("");
      return true;
    } catch (error) {
      setFailure(messageOf(error));
      return false;
    }
  };
  const edit: Edit<Change> = (edits) => { queue.current = queue.current.then(() => apply(edits)); onPending(queue.current); return queue.current; };
  const { past, future } = history, last = past.at(-1), next = future.at(-1);
  const undo = last?.after === text ? () => { setHistory({ past: past.slice(0, -1), future: [...future, last] }); write(last.before); } : null;
  const redo = next?.before === text ? () => { setHistory({ past: [...past, next], future: future.slice(0, -1) }); write(next.after); } : null;
  return { found, failure, edit, undo, redo };
}
