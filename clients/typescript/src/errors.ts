/** One thing that is wrong, and where. */
export interface ProblemPlace {
  path: string;
  message: string;
  line?: number;
}

/** The instance refuses, with a sentence that says what, which and what next; or it does not answer. */
export class PurasAPIError extends Error {
  override readonly name: string = "PurasAPIError";

  constructor(
    message: string,
    /** Of HTTP; `null` when there was no answer. */
    readonly status: number | null,
    /** The reason, for programs. */
    readonly code: string,
    /** What the answer says beside its sentence. */
    readonly facts: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Of a 422: everything that is wrong, each with its place. */
  get errors(): ProblemPlace[] {
    return Array.isArray(this.facts.errors) ? (this.facts.errors as ProblemPlace[]) : [];
  }
}

/** The job has no result. */
export class JobError<J extends { id: string; status: string }> extends Error {
  override readonly name: string = "JobError";

  constructor(
    message: string,
    readonly job: J,
  ) {
    super(message);
  }
}

/** The job has not ended within the time that its caller gave it; it goes on. */
export class JobTimeout<J extends { id: string; status: string }> extends JobError<J> {
  override readonly name = "JobTimeout";
}
