/** The choice of the language model of a run; empty: the skill's own. `models` is what `modelsOf` gives. */
export function Model({ label, model, models, own, onPick }) {
  const isKnown = !model || models.some((one) => one.slug === model);
  return (
    <select className="in" aria-label={label} value={model} onChange={(event) => onPick(event.target.value)}>
      <option value="">{own ? `${own} (the skill's own)` : "The skill's own model"}</option>
      {!isKnown && <option value={model}>{model}</option>}
      {models.map((one) => <option key={one.slug} value={one.slug}>{one.slug}{one.isReached ? "" : " · no key"}</option>)}
    </select>
  );
}
