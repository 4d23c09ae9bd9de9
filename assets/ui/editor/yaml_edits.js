// The text of a YAML file that a form or the canvas changes.
//
// Every change is an edit of the text by the API, which leaves the rest of the text as it is. The text of the editor stays the only state.
import { useEffect, useRef, useState } from "react";
import { callApi } from "../api";

/** `{found, failure, edit, undo, redo}`: `found` is what the route `url` returns for the text, with the text itself. `edit(edits)` resolves
 *  to whether they were made; `edits` may be a function of the newest values. `replace(text)` writes the text of the editor,
 *  `onPending(promise)` gets each edit in progress. `undo` and `redo` are null while there is nothing to undo or redo. */
export function useYamlEdits(url, { text, project, csrf, replace, onPending }) {
  const [found, setFound] = useState(null), [failure, setFailure] = useState(""), [history, setHistory] = useState({ past: [], future: [] });
  const latest = useRef(text), queue = useRef(Promise.resolve()), newest = useRef(null);
  latest.current = text;
  if (found) newest.current = found;
  const send = (edits) => callApi("POST", url, { project, csrf, json: { text: latest.current, edits } });
  useEffect(() => {
    if (found?.text === text) return undefined;
    let isOutdated = false;
    send([]).then((read) => isOutdated || setFound({ ...read, text }), (error) => isOutdated || setFailure(messageOf(error)));
    return () => { isOutdated = true; };
  }, [text]);
  const write = (next) => { latest.current = next; replace(next); };
  const apply = async (edits) => {
    try {
      let before, result;
      do { // the text may change while an edit is in progress
        before = latest.current;
        result = await send(typeof edits === "function" ? edits(newest.current?.document) : edits);
      } while (latest.current !== before);
      const after = result.text.replaceAll(/\r\n?/g, "\n"); // as the code editor stores it
      if (result.text !== before) {
        newest.current = { ...result, text: after };
        setFound(newest.current);
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
  const edit = (edits) => { queue.current = queue.current.then(() => apply(edits)); onPending(queue.current); return queue.current; };
  const { past, future } = history, last = past.at(-1), next = future.at(-1);
  const undo = last?.after === text ? () => { setHistory({ past: past.slice(0, -1), future: [...future, last] }); write(last.before); } : null;
  const redo = next?.before === text ? () => { setHistory({ past: [...past, next], future: future.slice(0, -1) }); write(next.after); } : null;
  return { found, failure, edit, undo, redo };
}

const messageOf = (error) => error.detail ?? "The request failed. Try again.";
