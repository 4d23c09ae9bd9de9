interface Props {
  /** The height of each bar, oldest first. */
  values: number[];
  label: string;
}

/** Small bars without axes, which show how a number has changed. */
export function Spark({ values, label }: Props) {
  const max = Math.max(1, ...values);
  return (
    <span className="spark" role="img" aria-label={label} title={label}>
      {values.map((value, index) => (
        // A place in the row has no identity of its own.
        <i key={index} data-empty={value === 0 || undefined} style={{ height: `${Math.max(value ? 12 : 4, (100 * value) / max)}%` }} />
      ))}
    </span>
  );
}
