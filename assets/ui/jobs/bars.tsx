import { type KeyboardEvent, useState } from "react";
import { clock } from "../format";

const HALF_HOUR_MS = 30 * 60_000;

export interface Bar {
  starts_at: string;
  jobs: number;
  failed: number;
}

interface Props {
  bars: Bar[];
  /** The start of the selected bar; empty if none is selected. */
  since: string;
  onPick?: (since: string, until: string) => void;
}

/** A bar for each half hour of the last day. A click on a bar selects its period. */
export function DayBars({ bars, since, onPick }: Props) {
  const [at, setAt] = useState(bars.length - 1), max = Math.max(1, ...bars.map((bar) => bar.jobs));
  const move = (event: KeyboardEvent<HTMLButtonElement>, index: number) => {
    const places: Record<string, number> = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: bars.length - 1 };
    const next = places[event.key];
    if (next === undefined || !bars[next]) return;
    event.preventDefault();
    setAt(next);
    (event.currentTarget.parentElement?.children[next] as HTMLElement).focus();
  };
  const isPicked = (bar: Bar) => Date.parse(since) === Date.parse(bar.starts_at);
  const pick = (bar: Bar) => (isPicked(bar) ? onPick?.("", "") : onPick?.(bar.starts_at, new Date(Date.parse(bar.starts_at) + HALF_HOUR_MS).toISOString()));
  return (
    <div className="day-bars" role="group" aria-label="Jobs of the last 24 hours, per half hour">
      {bars.map((bar, index) => {
        const label = `${clock(bar.starts_at)}: ${bar.jobs} jobs, ${bar.failed} failed`;
        return (
          <button key={bar.starts_at} type="button" tabIndex={index === Math.min(at, bars.length - 1) ? 0 : -1} aria-pressed={isPicked(bar)} title={label} aria-label={label} onClick={() => { setAt(index); pick(bar); }} onKeyDown={(event) => move(event, index)}>
            <i style={{ height: `${(100 * (bar.jobs - bar.failed)) / max}%` }} /><i data-s="fail" style={{ height: `${(100 * bar.failed) / max}%` }} />
          </button>
        );
      })}
    </div>
  );
}
