interface Props {
  count: number;
  /** The position of the match that is shown, from 0. */
  at: number;
  /** There are further matches, which the search did not count. */
  hasMore?: boolean;
  /** Why the query cannot be searched; empty if it can. */
  problem?: string;
  onGo: (by: number) => void;
}

/** The number of matches of a search, and buttons to the previous and the next one. */
export function Matches({ count, at, hasMore = false, problem = "", onGo }: Props) {
  return (
    <>
      <span className="t3 num" role="status">
        {problem || (count ? `${at + 1} of ${count.toLocaleString("en")}${hasMore ? "+" : ""}` : "No match")}
      </span>
      <Go label="Previous match" text="↑" isDisabled={!count} onClick={() => onGo(-1)} />
      <Go label="Next match" text="↓" isDisabled={!count} onClick={() => onGo(1)} />
    </>
  );
}

function Go({ label, text, isDisabled, onClick }: { label: string; text: string; isDisabled: boolean; onClick: () => void }) {
  return (
    <button type="button" className="btn quiet small" aria-label={label} disabled={isDisabled} onClick={onClick}>
      {text}
    </button>
  );
}
