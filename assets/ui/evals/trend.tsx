const LEFT = 16, WIDTH = 544, MAX_LABELED = 15;

export interface Point {
  id: string;
  version: number;
  score: number;
  is_baseline: boolean;
}

const y = (score: number) => 92 - score * 0.8;

/** The scores of suites as a line, oldest first. */
export function Trend({ points }: { points: Point[] }) {
  const x = (index: number) => LEFT + (index * WIDTH) / (points.length - 1), text = points.map((one) => `v${one.version} ${one.score}`).join(", ");
  return (
    <svg viewBox="0 0 600 116" role="img" aria-label={`Mean scores: ${text}`}>
      {[0, 50, 100].map((score) => <g key={score}><line x1="0" x2="600" y1={y(score)} y2={y(score)} /><text x="600" y={y(score) - 2} textAnchor="end">{score}</text></g>)}
      <polyline points={points.map((one, index) => `${x(index)},${y(one.score)}`).join(" ")} />
      {points.map((one, index) => <g key={one.id}><circle cx={x(index)} cy={y(one.score)} r="3.5" data-base={one.is_baseline}><title>{`v${one.version}: ${one.score}`}</title></circle>{(points.length <= MAX_LABELED || index % 4 === 0) && <text x={x(index)} y="112" textAnchor="middle">v{one.version}</text>}</g>)}
    </svg>
  );
}
