import { type FormEvent, type ReactNode, type RefObject, useRef, useState } from "react";
import { useNavigate } from "react-router";
import type { JobRead, ListedDeployment } from "../../clients/typescript/src/generated";
import { type ApiError, callApi } from "./api";

/** What was changed, by the name of the field. */
export type Changes = Record<string, string | boolean | undefined>;

/** The job that is forked, as far as it can be changed. */
export interface Original {
  inputs: string;
  version: number | null;
}

/** The body of the request of a fork. */
export type ForkBody = Record<string, unknown>;

/** The state of the dialog. */
export interface ForkState {
  dialog: RefObject<HTMLDialogElement | null>;
  original: Original | null;
  changes: Changes;
  change: (key: string, value: string | boolean) => void;
  failure: ApiError | null;
  isBusy: boolean;
  isOpen: boolean;
  open: () => Promise<void>;
  close: () => void;
  /** Send the request, and open the new job. `body` is called with the changes and the original. */
  submit: (event: FormEvent, body: (changes: Changes, original: Original) => ForkBody, query?: string) => Promise<void>;
}

export const textOf = (changes: Changes, key: string) => changes[key] as string | undefined;

/** The state of a dialog that forks a job: the job that it forks, the changes to it, and the request. `choices` loads what the dialog offers. */
export function useFork({ project, csrf, job, choices }: { project: string; csrf: string; job: string; choices: (found: JobRead) => Promise<void> }): ForkState {
  const dialog = useRef<HTMLDialogElement>(null), navigate = useNavigate(), [original, setOriginal] = useState<Original | null>(null), [changes, setChanges] = useState<Changes>({});
  const [failure, setFailure] = useState<ApiError | null>(null), [isBusy, setBusy] = useState(false), [isOpen, setOpen] = useState(false);
  const change = (key: string, value: string | boolean) => setChanges((before) => ({ ...before, [key]: value }));
  const open = async () => {
    setChanges({}); setFailure(null); setOpen(true);
    dialog.current?.showModal();
    try {
      const found = await callApi<JobRead>("GET", `/v1/jobs/${job}`, { project });
      setOriginal({ inputs: JSON.stringify(found.inputs, null, 2), version: found.deployment_version });
      await choices(found);
    } catch (error) { setFailure(error as ApiError); }
  };
  const submit: ForkState["submit"] = async (event, body, query = "") => {
    event.preventDefault();
    if (!original) return;
    setFailure(null);
    setBusy(true);
    try {
      const made = await callApi<JobRead>("POST", `/v1/jobs/${job}/fork`, { project, csrf, json: body(changes, original) });
      dialog.current?.close();
      navigate(`/p/${project}/jobs/${made.id}${query}`);
    } catch (error) { setFailure((error as ApiError).detail ? error as ApiError : { detail: (error as Error).message }); }
    setBusy(false);
  };
  return { dialog, original, changes, change, failure, isBusy, isOpen, open, close: () => setOpen(false), submit };
}

/** The versions of the skill of a job; none if they cannot be read. */
export const versionsOf = async (found: JobRead, project: string): Promise<ListedDeployment[]> =>
  found.deployment_id ? await callApi<ListedDeployment[]>("GET", `/v1/skillpacks/${found.skillpack_id}/deployments?limit=100`, { project }).catch(() => []) : [];

export function VersionField({ label, versions, fork: { original, changes, change } }: { label: string; versions: ListedDeployment[]; fork: ForkState }) {
  if (!versions.length) return null;
  return (
    <label className="field"><span className="label">{label}</span>
      <select className="in" value={textOf(changes, "version") ?? ""} onChange={(event) => change("version", event.target.value)}>
        <option value="">{original?.version ? `v${original.version} (same version)` : "Same version"}</option>
        {versions.map((one) => <option key={one.id} value={one.version ?? ""}>{`v${one.version}${one.is_active ? " (active)" : ""}`}</option>)}
      </select>
    </label>
  );
}

export function InputsField({ fork: { original, changes, change }, children }: { fork: ForkState; children?: ReactNode }) {
  return (
    <details className="fork-step">
      <summary><span className="strong">Inputs</span>{changes.inputs !== undefined && <span className="tag">changed</span>}</summary>
      {original && <textarea className="in code" rows={8} aria-label="Inputs as JSON" spellCheck={false} value={textOf(changes, "inputs") ?? original.inputs} onChange={(event) => change("inputs", event.target.value)} />}
      {children}
    </details>
  );
}

export function ForkProblem({ failure }: { failure: ApiError | null }) {
  return failure && <div className="note" data-s="fail" role="alert">{failure.detail}{(failure.errors ?? []).slice(0, 3).map((one, index) => <p key={index}><span className="mono">{one.path}</span> {one.message}</p>)}</div>;
}

/** The fields of the request that every fork has. */
export function sharedFields(changes: Changes, original: Original): ForkBody {
  const body: ForkBody = {}, inputs = textOf(changes, "inputs");
  if (changes.version) body.version = Number(changes.version);
  if (inputs !== undefined && inputs !== original.inputs) body.inputs = parsed(inputs, "The inputs are");
  return body;
}

export function parsed(text: string, what: string): unknown {
  try { return JSON.parse(text); } catch (error) { throw { detail: `${what} not valid JSON: ${(error as Error).message}` } satisfies ApiError; }
}
