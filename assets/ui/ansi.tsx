// Text with the colors of a terminal. Other control sequences are removed.
import type { ReactNode } from "react";

const SEQUENCE = /\u001b\[([0-9;]*)([A-Za-z])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-Z\\-_]/g;
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

interface Style {
  color?: string | undefined;
  isBold?: boolean;
  isDim?: boolean;
}

/** The text without control sequences. */
export const plainText = (text: string) => (text.includes("\u001b") ? text.replace(SEQUENCE, "") : text);

/** The text as spans with classes of its colors. */
export function Ansi({ text }: { text: string }) {
  if (!text.includes("\u001b")) return text;
  const parts: ReactNode[] = [];
  let at = 0, style: Style = {};
  const take = (end: number) => { if (end > at) parts.push(<span key={at} className={classOf(style)}>{text.slice(at, end)}</span>); };
  for (const found of text.matchAll(SEQUENCE)) {
    take(found.index);
    at = found.index + found[0].length;
    if (found[2] === "m") style = styleAfter(style, found[1] ?? "");
  }
  take(text.length);
  return parts;
}

const classOf = ({ color, isBold, isDim }: Style) => [color && `ansi-${color}`, isBold && "strong", isDim && "t3"].filter(Boolean).join(" ") || undefined;

function styleAfter(style: Style, codes: string): Style {
  let after = style;
  for (const code of (codes || "0").split(";").map(Number)) {
    if (code === 0) after = {};
    else if (code === 1) after = { ...after, isBold: true };
    else if (code === 2) after = { ...after, isDim: true };
    else if (code === 22) after = { ...after, isBold: false, isDim: false };
    else if (code === 39) after = { ...after, color: undefined };
    else if (code >= 30 && code <= 37) after = { ...after, color: NAMES[code - 30] };
    else if (code >= 90 && code <= 97) after = { ...after, color: NAMES[code - 90] };
  }
  return after;
}
