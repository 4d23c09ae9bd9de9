import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { ask } from "../api";

const page = (project, asked) => `/p/${project}/notebook?${new URLSearchParams(asked)}`;

/** What is in the form, as a new notebook of the skillpack's working copy. */
export function InputsInNotebook({ project, csrf, skill, skillpack, inputsNow, onError }) {
  const navigate = useNavigate(), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setBusy(true);
    try {
      const made = await ask("POST", "/v1/notebooks/opened", { project, csrf, json: { skill, inputs: inputsNow(), skillpack } });
      navigate(page(project, { skillpack: made.skillpack, file: made.path }));
    } catch (error) { onError(error.detail ?? "That did not work."); setBusy(false); }
  };
  return <button type="button" className="btn quiet" title="Open these inputs as a notebook of the working copy" disabled={isBusy} onClick={open}>Notebook</button>;
}

/** A run that has ended, as a notebook of the skillpack's working copy. */
export const RunInNotebook = ({ project, skillpack, job }) => <Link to={page(project, { skillpack, job })} title="Open this run as a notebook of the working copy">In a notebook</Link>;
