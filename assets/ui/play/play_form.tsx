import { useEffect, useRef, useState } from "react";
import type { Watched } from "../action";
import { Estimate } from "../estimate";
import { SchemaForm } from "../form";
import type { Schema } from "../schema_types";
import { type Inputs, setInputsNow } from "./inputs";

interface Example {
  title: string;
  description: string;
  inputs: Inputs;
}

interface Props extends Watched {
  schema: Schema;
  value: Inputs;
  /** Increases when `value` replaces the inputs. */
  filled: number;
  /** Inputs to fill the form with. It is filled here, so that a run immediately after the click has the inputs of the example. */
  examples: Example[];
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
export function PlayForm({ value, filled, examples, errors, estimate, stamp, project, ...rest }: Props) {
  const box = useRef<HTMLDivElement>(null), inputs = useRef(value), seen = useRef(filled), outdated = useRef<Props["errors"] | null>(null);
  const [uses, setUses] = useState(0);
  const fillWith = (example: Example) => {
    inputs.current = example.inputs;
    outdated.current = errors;
    setUses(uses + 1);
  };
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
      {examples.length > 0 && (
        <div className="row wrap examples">
          <span className="cap">Examples</span>
          {examples.map((one, place) => <button key={place} type="button" className="chip cut" title={one.description} onClick={() => fillWith(one)}>{one.title}</button>)}
        </div>
      )}
      <SchemaForm {...rest} project={project} errors={errors === outdated.current ? {} : errors} value={inputs.current} rev={`${filled}.${uses}`} note={estimate && <Estimate isShort url={estimate} project={project} stamp={stamp} />} onChange={(next) => { inputs.current = next; setInputsNow(next); }} />
    </div>
  );
}
