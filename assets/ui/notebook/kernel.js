// The kernel of a notebook: started with the first cell that is run, and followed until it ends.
import { useCallback, useEffect, useRef, useState } from "react";
import { callApi, newKey } from "../api";

const KERNELS = "/v1/notebooks/kernels";
const WAIT_S = 20;
const RETRY_MS = 2_000;

/** `{kernel, run, interrupt, restart, stop}`; `onCells(runs, {isEarlier})` gets the runs of cells that have changed. */
export function useKernel({ project, csrf, path, skillpack, skillpackId, owner, onCells, onError }) {
  const [kernel, setKernel] = useState(null), session = { project, csrf }, calls = useRef({});
  calls.current = { onCells, onError };
  const id = kernel && kernel.status !== "ended" ? kernel.id : null, seen = useRef(0), starting = useRef(null);
  useEffect(() => {
    let isLeft = false;
    setKernel(null);
    seen.current = 0;
    if (path && skillpackId) callApi("GET", KERNELS, { project }).then((running) => {
      const mine = running.find((one) => one.path === path && one.owner === owner && one.skillpack_id === skillpackId);
      if (mine && !isLeft) setKernel({ ...mine, isEarlier: true });
    }, () => {});
    return () => { isLeft = true; };
  }, [path, project, owner, skillpackId]);
  useEffect(() => {
    if (!id) return undefined;
    let isLeft = false, isEarlier = kernel.isEarlier ?? false;
    const follow = async () => {
      while (!isLeft) {
        try {
          const view = await callApi("GET", `${KERNELS}/${id}?after=${seen.current}&wait_s=${isEarlier ? 0 : WAIT_S}`, { project });
          if (isLeft) return;
          calls.current.onCells(view.cells, { isEarlier });
          seen.current = view.revision;
          isEarlier = false;
          setKernel(view);
          if (view.status === "ended") return;
        } catch (error) {
          if (error.code === "kernel_not_found") { if (!isLeft) setKernel(null); return; }
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    };
    follow();
    return () => { isLeft = true; };
  }, [id]);

  const guard = useCallback((work) => work().catch((error) => calls.current.onError(error.detail ?? "The request failed. Try again.")), []);
  const started = async () => {
    if (id) return id;
    starting.current ??= callApi("POST", KERNELS, { ...session, json: { path, skillpack } }).finally(() => { starting.current = null; });
    const made = await starting.current;
    seen.current = 0;
    setKernel(made);
    return made.id;
  };
  const post = (what) => id && guard(() => callApi("POST", `${KERNELS}/${id}/${what}`, session));
  return {
    kernel,
    run: (cells) => guard(async () => {
      const wanted = cells.map(({ id: cell, source: code }) => ({ cell, code }));
      const send = async () => callApi("POST", `${KERNELS}/${await started()}/cells`, { ...session, json: { cells: wanted }, headers: { "Idempotency-Key": newKey() } }); // a cell may be run twice
      calls.current.onCells((await send()).cells, { isEarlier: false });
    }),
    interrupt: () => post("interrupt"),
    restart: () => post("restart"),
    stop: () => id && guard(() => callApi("DELETE", `${KERNELS}/${id}`, session)),
  };
}
