import { useEffect, useRef, useState } from "react";

const SEARCH_AFTER_MS = 200;
const ECHO_MS = 2000; // as long the state may still send what was typed before

interface Props {
  value: string;
  label: string;
  placeholder?: string;
  onSearch?: (text: string) => void;
}

/** A search field that reports what was typed after a short pause. While the user types, earlier texts that the state sends back are
 *  ignored. */
export function SearchField({ value, label, placeholder, onSearch }: Props) {
  const [typed, setTyped] = useState(value), timer = useRef(0), typedAt = useRef(-ECHO_MS), field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const isTyping = document.activeElement === field.current && performance.now() - typedAt.current < ECHO_MS;
    if (!isTyping) setTyped(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (text: string) => {
    setTyped(text);
    typedAt.current = performance.now();
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onSearch?.(text.trim()), SEARCH_AFTER_MS);
  };
  return <input ref={field} className="in" type="search" style={{ flex: "1 1 150px", maxWidth: 240 }} aria-label={label} placeholder={placeholder} maxLength={200} value={typed} onChange={(event) => search(event.target.value)} />;
}
