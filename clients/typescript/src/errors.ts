/** One problem and its location. */
export interface ProblemPlace {
  path: string;
  message: string;
  line?: number;
}

/** The instance rejected the request, or did not respond. */
export class PurasAPIError extends Error {
  override readonly name: string = "PurasAPIError";

  constructor(
    message: string,
    /** HTTP status; `null` without a response. */
    readonly status: number | null,
    /** The error code, for programs. */
    readonly code: string,
    /** Other fields of the response. */
    readonly fields: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** @deprecated Use `fields`. Removed in 0.3. */
  get facts(): Readonly<Record<string, unknown>> {
    return this.fields;
  }

  /** Every problem of a 422 with its path; empty for other statuses. */
  get errors(): ProblemPlace[] {
    return Array.isArray(this.fields.errors) ? (this.fields.errors as ProblemPlace[]) : [];
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

/** The job has not ended within the given time, and continues. */
export class JobTimeout<J extends { id: string; status: string }> extends JobError<J> {
  override readonly name = "JobTimeout";
}
