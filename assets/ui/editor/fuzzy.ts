/** A match: its score, and the indexes of the characters that match. */
export interface Fuzzy {
  score: number;
  at: number[];
}

const START = 8, CONSECUTIVE = 6, IN_NAME = 4, GAP = 1;

/** Match the letters of `wanted` in their order; null if the text does not contain them. Starts of words, letters that follow each
 *  other, and the name after the last slash count more. */
export function fuzzy(text: string, wanted: string): Fuzzy | null {
  const letters = wanted.toLowerCase().replaceAll(/\s/g, ""), low = text.toLowerCase(), name = text.lastIndexOf("/") + 1;
  if (!letters) return { score: 0, at: [] };
  const inName = matchFrom(text, low, letters, name), anywhere = matchFrom(text, low, letters, 0);
  if (inName && (!anywhere || inName.score >= anywhere.score)) return inName;
  return anywhere;
}

function matchFrom(text: string, low: string, letters: string, start: number): Fuzzy | null {
  const name = text.lastIndexOf("/") + 1, at: number[] = [];
  let score = 0, from = start;
  for (const letter of letters) {
    const next = low.indexOf(letter, from), word = wordStart(text, low, letter, from), index = word >= 0 && next >= 0 && next !== from && word - next < 12 ? word : next;
    if (index < 0) return null;
    score += (index === 0 || isStart(text, index) ? START : 0) + (at.length && index === at.at(-1)! + 1 ? CONSECUTIVE : 0) + (index >= name ? IN_NAME : 0) - Math.min(6, (index - from) * GAP);
    at.push(index);
    from = index + 1;
  }
  return { score: score - text.length / 100, at };
}

const isStart = (text: string, index: number) => /[/._\- ]/.test(text[index - 1] ?? "/") || (/[A-Z]/.test(text[index]!) && /[a-z]/.test(text[index - 1] ?? ""));

function wordStart(text: string, low: string, letter: string, from: number) {
  for (let index = low.indexOf(letter, from); index >= 0; index = low.indexOf(letter, index + 1)) if (isStart(text, index)) return index;
  return -1;
}
