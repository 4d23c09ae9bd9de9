import { useAction } from "../action";
import { type Inputs, inputsNow } from "./inputs";

/** A button that runs one column with the inputs of the form. */
export function RunButton({ label, onRun }: { label: string; onRun?: (inputs: Inputs, key: string) => void }) {
  const [begin] = useAction({});
  return <button type="button" className="btn icon" aria-label={label} title="Run only this column" onClick={() => begin(label, (key) => onRun?.(inputsNow(), key))}><svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M7 4l13 8-13 8z" /></svg></button>;
}
