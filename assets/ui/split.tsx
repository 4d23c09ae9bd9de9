import { type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";

const STEP = 24, MIN_WIDTH = 220; // px

interface Props {
  name: string;
  label: string;
  initial?: number;
  isClosed?: boolean;
  /** The two panes. */
  children: [ReactNode, ReactNode];
}

/** Two panes side by side. The user moves the divider with the pointer or the arrow keys; the browser stores its position. With
 *  `isClosed`, only the first pane is shown. */
export function Split({ name, label, initial = 372, isClosed = false, children }: Props) {
  const [main, side] = children, box = useRef<HTMLDivElement>(null), [width, setWidth] = useState(initial);
  useEffect(() => { const kept = Number(localStorage.getItem(`pane:${name}`)); if (kept) setWidth(kept); }, [name]);
  const keep = (wanted: number) => {
    const max = (box.current?.clientWidth ?? 1200) - MIN_WIDTH, next = Math.round(Math.max(MIN_WIDTH, Math.min(max, wanted)));
    setWidth(next);
    localStorage.setItem(`pane:${name}`, String(next));
  };
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    const bar = event.currentTarget, edge = box.current?.getBoundingClientRect().right ?? 0;
    const move = (moved: globalThis.PointerEvent) => keep(edge - moved.clientX);
    bar.setPointerCapture(event.pointerId);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move), { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = ({ ArrowLeft: STEP, ArrowRight: -STEP } as Record<string, number>)[event.key];
    if (!by) return;
    event.preventDefault();
    keep(width + by);
  };
  return (
    <div className="split" ref={box} data-closed={isClosed || undefined} style={{ "--side": `${width}px` } as CSSProperties}>
      <div className="col" style={{ minHeight: 0 }}>{main}</div>
      <div className="split-bar" hidden={isClosed} role="separator" aria-orientation="vertical" aria-label={label} tabIndex={0} aria-valuenow={width} aria-valuemin={MIN_WIDTH} aria-valuemax={2000} onPointerDown={drag} onKeyDown={onKeyDown} />
      <div className="col" hidden={isClosed} style={{ minHeight: 0 }}>{side}</div>
    </div>
  );
}
