/** The choice of the language model of a run; empty: the default model of the skill. `models` is the result of `modelsOf`. */
export function Model({ label, model, models, own, onPick }) {
  const isKnown = !model || models.some((one) => one.slug === model);
  return (
    <select className="in" aria-label={label} value={model} onChange={(event) => onPick(event.target.value)}>
      <option value="">{own ? `${own} (default)` : "Default model"}</option>
      {!isKnown && <option value={model}>{model}</option>}
      {models.map((one) => <option key={one.slug} value={one.slug}>{one.slug}{one.hasKey ? "" : " · no API key"}</option>)}
    </select>
  );
}
