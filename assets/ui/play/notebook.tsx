import { useState } from "react";
import { Link, useNavigate } from "react-router";
import type { NotebookRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { inputsNow } from "./inputs";

interface InputsProps {
  project: string;
  csrf: string;
  skill: string;
  skillpack: string;
  onError?: (detail: string) => void;
}

const page = (project: string, query: Record<string, string>) => `/p/${project}/notebook?${new URLSearchParams(query)}`;

/** A button that opens the inputs of the form in a new notebook of the skillpack's draft. */
export function InputsInNotebook({ project, csrf, skill, skillpack, onError }: InputsProps) {
  const navigate = useNavigate(), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setBusy(true);
    try {
      const made = await callApi<NotebookRead>("POST", "/v1/notebooks/opened", { project, csrf, json: { skill, inputs: inputsNow(), skillpack } });
      navigate(page(project, { skillpack: made.skillpack, file: made.path }));
    } catch (error) { onError?.((error as ApiError).detail ?? "The request failed. Try again."); setBusy(false); }
  };
  return <button type="button" className="btn quiet" title="Open these inputs as a notebook in the draft" disabled={isBusy} onClick={open}>Notebook</button>;
}

/** A link that opens a finished run as a notebook in the skillpack's draft. */
export const RunInNotebook = ({ project, skillpack, job }: { project: string; skillpack: string; job: string }) => <Link to={page(project, { skillpack, job })} title="Open this run as a notebook in the draft">Open in notebook</Link>;
