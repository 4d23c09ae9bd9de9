const COLORS = ["var(--acc)", "var(--ok-dot)", "var(--wait-dot)", "var(--fail-dot)", "var(--run)", "var(--idle-dot)"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** The color of a series or a slice. */
export const colorOf = (index: number): string => COLORS[index % COLORS.length]!;

/** The dashes of a line: series after the first six have the same colors again. */
export const dashOf = (index: number): string => DASHES[Math.floor(index / COLORS.length) % DASHES.length]!;
