import { useEffect, useRef } from "react";
import type { Watched } from "../action";
import { Estimate } from "../estimate";
import { SchemaForm } from "../form";
import type { Schema } from "../schema_types";
import { type Inputs, setInputsNow } from "./inputs";

interface Props extends Watched {
  schema: Schema;
  value: Inputs;
  /** Increases when `value` replaces the inputs. */
  filled: number;
  errors: Record<string, string>;
  project: string;
  csrf: string;
  canRun: boolean;
  busy: boolean;
  label: string;
  /** URL of the estimate of the cost of a run; empty if there is none. */
  estimate: string;
  stamp: number;
  onRun?: (inputs: Inputs, key: string) => void;
}

/** The form of the playground. It keeps the inputs if another version has another form, and its keys work on the whole page. */
export function PlayForm({ value, filled, estimate, stamp, project, ...rest }: Props) {
  const box = useRef<HTMLDivElement>(null), inputs = useRef(value), seen = useRef(filled);
  if (seen.current !== filled) { seen.current = filled; inputs.current = value; }
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      box.current?.querySelector("form")?.requestSubmit();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div style={{ display: "contents" }} ref={box}>
      <SchemaForm {...rest} project={project} value={inputs.current} rev={filled} note={estimate && <Estimate isShort url={estimate} project={project} stamp={stamp} />} onChange={(next) => { inputs.current = next; setInputsNow(next); }} />
    </div>
  );
}
