import { type HTMLAttributes, type ReactNode, type RefObject, useEffect, useRef } from "react";
import { useInSight } from "./stream";

interface Props extends HTMLAttributes<HTMLDivElement> {
  count: number;
  rowPx: number;
  row: (index: number) => ReactNode;
  /** The row to scroll to. */
  at?: number | null;
  label?: string;
  box?: RefObject<HTMLDivElement | null>;
}

/** Rows of one height, of which only those in sight are in the document. */
export function VirtualRows({ count, rowPx, row, at = null, className = "", label, role, box: given, ...rest }: Props) {
  const own = useRef<HTMLDivElement>(null), box = given ?? own, [first, last] = useInSight(box, count, rowPx);
  useEffect(() => {
    const element = box.current;
    if (at == null || !element) return;
    const top = at * rowPx;
    if (top < element.scrollTop || top + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = Math.max(0, top - element.clientHeight / 2);
  }, [at, rowPx, count]);
  return (
    <div ref={box} className={`virtual ${className}`} tabIndex={0} role={role} aria-label={label} {...rest}>
      <div style={{ height: count * rowPx }} role="presentation">
        <div style={{ transform: `translateY(${first * rowPx}px)` }} role="presentation">{Array.from({ length: Math.max(0, last - first) }, (_, index) => row(first + index))}</div>
      </div>
    </div>
  );
}
