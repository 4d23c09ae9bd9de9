export interface Command {
  label: string;
  group: string;
  /** More text to search in, such as an ID. */
  also?: string;
}

/** The commands that contain every word. Matches at the start of a word of the label come first, matches in the group only come last. */
export function fitting<One extends Command>(commands: One[], words: string): One[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (one: One) => {
    const label = ` ${one.label}`.toLowerCase();
    return wanted.reduce((worst, word) => Math.max(worst, label.includes(` ${word}`) ? 0 : label.includes(word) ? 1 : 2), 0);
  };
  const fits = commands.filter((one) => wanted.every((word) => `${one.label} ${one.group} ${one.also ?? ""}`.toLowerCase().includes(word)));
  return fits.sort((one, other) => rank(one) - rank(other)); // equal ones stay in their order
}
