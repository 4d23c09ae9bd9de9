// The kernel of a notebook: started with the first cell that is run, and followed until it ends.
import { useCallback, useEffect, useRef, useState } from "react";
import type { CellRead, CellRun, KernelRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, newKey } from "../api";
import type { Cell } from "./file";

const KERNELS = "/v1/notebooks/kernels";
const WAIT_S = 20;
const RETRY_MS = 2_000;

/** A kernel; `isEarlier` if it was started before the page was opened, until its cells are loaded. */
type Kernel = KernelRead & { isEarlier?: boolean };

/** Where runs of cells come from: the ID of their kernel, and whether they are from before the page was opened. */
export interface Source {
  kernel: string;
  isEarlier: boolean;
}

interface Options {
  project: string;
  csrf: string;
  /** The path of the notebook; null if none is open. */
  path: string | null;
  skillpack: string;
  /** The ID of the skillpack, as soon as it is known. */
  skillpackId: string | undefined;
  owner: string;
  /** Receives the runs of cells that have changed. */
  onCells: (runs: CellRead[], from: Source) => void;
  onError: (detail: string) => void;
}

/** The kernel of a notebook, and its actions. */
export function useKernel({ project, csrf, path, skillpack, skillpackId, owner, onCells, onError }: Options) {
  const [kernel, setKernel] = useState<Kernel | null>(null), session = { project, csrf }, calls = useRef({ onCells, onError });
  calls.current = { onCells, onError };
  const id = kernel && kernel.status !== "ended" ? kernel.id : null, seen = useRef(0), starting = useRef<Promise<KernelRead> | null>(null);
  useEffect(() => {
    let isLeft = false;
    setKernel(null);
    seen.current = 0;
    if (path && skillpackId) callApi<KernelRead[]>("GET", KERNELS, { project }).then((running) => {
      const mine = running.find((one) => one.path === path && one.owner === owner && one.skillpack_id === skillpackId);
      if (mine && !isLeft) setKernel({ ...mine, isEarlier: true });
    }, () => {});
    return () => { isLeft = true; };
  }, [path, project, owner, skillpackId]);
  useEffect(() => {
    if (!id) return undefined;
    let isLeft = false, isEarlier = kernel?.isEarlier ?? false;
    const follow = async () => {
      while (!isLeft) {
        try {
          const view = await callApi<KernelRead>("GET", `${KERNELS}/${id}?after=${seen.current}&wait_s=${isEarlier ? 0 : WAIT_S}`, { project });
          if (isLeft) return;
          calls.current.onCells(view.cells, { kernel: view.id, isEarlier });
          seen.current = view.revision;
          isEarlier = false;
          setKernel(view);
          if (view.status === "ended") return;
        } catch (error) {
          if ((error as ApiError).code === "kernel_not_found") { if (!isLeft) setKernel(null); return; }
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    };
    follow();
    return () => { isLeft = true; };
  }, [id]);

  const guard = useCallback((work: () => Promise<unknown>) => work().catch((error: ApiError) => calls.current.onError(error.detail ?? "The request failed. Try again.")), []);
  const started = async () => {
    if (id) return id;
    starting.current ??= callApi<KernelRead>("POST", KERNELS, { ...session, json: { path, skillpack } }).finally(() => { starting.current = null; });
    const made = await starting.current;
    seen.current = 0;
    setKernel(made);
    return made.id;
  };
  const post = async (what: string) => id && guard(() => callApi("POST", `${KERNELS}/${id}/${what}`, session));
  return {
    kernel,
    run: (cells: Cell[]) => guard(async () => {
      const wanted = cells.map(({ id: cell, source: code }): CellRun => ({ cell, code }));
      const send = async () => callApi<KernelRead>("POST", `${KERNELS}/${await started()}/cells`, { ...session, json: { cells: wanted }, headers: { "Idempotency-Key": newKey() } }); // a cell may be run twice
      const { id: sentTo, cells: sent } = await send();
      calls.current.onCells(sent, { kernel: sentTo, isEarlier: false });
    }),
    interrupt: () => post("interrupt"),
    restart: () => post("restart"),
    stop: async () => id && guard(() => callApi("DELETE", `${KERNELS}/${id}`, session)),
  };
}
