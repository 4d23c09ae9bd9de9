import type { LanguageModel } from "./choices";

interface Props {
  label: string;
  /** The chosen model; empty for the default one. */
  model: string;
  models: LanguageModel[];
  /** The default model of the skill, if it names one. */
  own: string | null | undefined;
  onPick: (model: string) => void;
}

/** The choice of the language model of a run. */
export function Model({ label, model, models, own, onPick }: Props) {
  const isKnown = !model || models.some((one) => one.slug === model);
  return (
    <select className="in" aria-label={label} value={model} onChange={(event) => onPick(event.target.value)}>
      <option value="">{own ? `${own} (default)` : "Default model"}</option>
      {!isKnown && <option value={model}>{model}</option>}
      {models.map((one) => <option key={one.slug} value={one.slug}>{one.slug}{one.hasKey ? "" : " · no API key"}</option>)}
    </select>
  );
}
