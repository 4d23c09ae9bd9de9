"""What can be wrong with a listing, or with a job of one.

Missing
├── ListingNotFound          never offered, or taken down
└── ListingVersionNotFound   the listing has no such version, or what it ran was deleted
PaymentRequired
├── PriceOverLimit           the job's own limit is below the price
└── WalletTooSmall           the wallet could never pay price and cap together
Conflict
├── ListingSlugTaken         another listing of the instance has the name
├── TooManyListings          as many as one project may have
├── ListingNotReady          it has no version that could be run
├── ListingInUse             it was published: it can be taken down, and stays for those who ran it
└── ContentIsThePublishers   a conversation of a listing is not its caller's to go on from
Invalid
├── NotListable              the skill cannot be offered to others
└── BadListingJob            the job asks for what a listing does not give
NotAllowed
└── ListingNotCallable       a skill calls a listing, or a skill of the project that runs it
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, PaymentRequired, Problem


class ListingNotFound(Missing):
    """There is no such listing for the caller."""

    code = "listing_not_found"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"No listing {ref[:100]!r} is offered here: it never was, or its publisher took it down. "
            "GET /v1/marketplace/listings lists those that are.",
            listing=ref[:100],
        )


class ListingVersionNotFound(Missing):
    """The listing has no such version."""

    code = "listing_version_not_found"

    def __init__(self, slug: str, version: int, last: int) -> None:
        super().__init__(
            f"The listing {slug!r} has no version {version} that can be run. Its newest is {last}; "
            f"GET /v1/marketplace/listings/{slug}/versions lists them.",
            listing=slug,
            version=version,
        )


class PriceOverLimit(PaymentRequired):
    """The job may not even cost its price."""

    code = "price_over_limit"

    def __init__(self, slug: str, price_micros: int, limit_micros: int) -> None:
        super().__init__(
            f"A run of {slug!r} has the price ${price_micros / 1e6:.6f}, and limits.cost_usd allows "
            f"${limit_micros / 1e6:.6f}. The limit counts the price: raise it, or leave it out.",
            price_micros=price_micros,
            limit_micros=limit_micros,
        )


class WalletTooSmall(PaymentRequired):
    """All that is in the wallet is less than what the run may cost."""

    code = "wallet_too_small"

    def __init__(self, slug: str, price_micros: int, needed_micros: int, balance_micros: int) -> None:
        super().__init__(
            f"A run of {slug!r} may cost ${needed_micros / 1e6:.6f}, of which its price is "
            f"${price_micros / 1e6:.6f}, and the wallet holds ${balance_micros / 1e6:.6f}. Top it up, or lower "
            "limits.cost_usd.",
            price_micros=price_micros,
            needed_micros=needed_micros,
            balance_micros=balance_micros,
        )


class ListingSlugTaken(Conflict):
    """Another listing of the instance has the name."""

    code = "listing_slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"Another listing of this instance is called {slug!r}. Choose another slug.", slug=slug
        )


class TooManyListings(Conflict):
    """The project has as many listings as one may have."""

    code = "too_many_listings"

    def __init__(self, most: int) -> None:
        super().__init__(f"This project has {most} listings, as many as one may have.", limit=most)


class ListingNotReady(Conflict):
    """Nothing of the listing could be run."""

    code = "listing_not_ready"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The newest version of the listing {slug!r} runs a deployment that was deleted. Add a version first.",
            listing=slug,
        )


class ListingInUse(Conflict):
    """It was published once, so its name stays on what ran it."""

    code = "listing_in_use"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The listing {slug!r} was published. Take it down instead: PATCH it with "
            '{"status": "taken_down"}.',
            listing=slug,
        )


class ContentIsThePublishers(Conflict):
    """Forks and continuations begin with a conversation, and that of a listing belongs to its publisher."""

    code = "content_is_the_publishers"

    def __init__(self, job_id: UUID, slug: str) -> None:
        super().__init__(
            f"Job {str(job_id)!r} ran the listing {slug!r}, or was called by it: its conversation is its publisher's. "
            "Replay a run of a listing, or submit a new one.",
            job_id=str(job_id),
            listing=slug,
        )


class NotListable(Invalid):
    """The skill cannot be offered to others."""

    code = "not_listable"

    def __init__(self, skill: str, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{skill!r} cannot be offered to others: {first.path}: {first.message}", problems)


class BadListingJob(Invalid):
    """The job asks for what a listing does not give."""

    code = "bad_listing_job"

    def __init__(self, slug: str, problem: Problem) -> None:
        super().__init__(
            f"The job does not fit the listing {slug!r}: {problem.path}: {problem.message}", [problem]
        )


class ListingNotCallable(NotAllowed):
    """A listing was called by a skill, or one calls what is not its own."""

    code = "listing_not_callable"

    @classmethod
    def by_skill(cls) -> ListingNotCallable:
        """A skill calls a listing."""
        return cls(
            "A skill cannot call a listing of the marketplace: only a job that somebody submits runs one. "
            "Submit it beside this job: POST /v1/jobs with listing_id."
        )

    @classmethod
    def of_caller(cls, target: str) -> ListingNotCallable:
        """A listing calls a skill that is not in its own bundle."""
        return cls(
            f"A listing calls the skills of its own bundle alone, and has none called {target[:100]!r}: those of the "
            "project that runs it are not its own.",
            target=target[:100],
        )
