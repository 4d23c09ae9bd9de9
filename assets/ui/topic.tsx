import { useEffect, useRef } from "react";
import { followTopic } from "./line";

interface Props {
  project: string;
  topic: string;
  /** The job whose topic it is; empty: that of the project. */
  job?: string;
  onChange?: () => void;
}

/** An invisible component that reports when what a topic names may have changed. */
export function TopicChanges({ project, topic, job = "", onChange }: Props) {
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => followTopic(project, topic, job, () => change.current?.()), [project, topic, job]);
  return null;
}
