"""Errors of listings and their jobs."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, PaymentRequired, Problem, field


class ListingNotFound(Missing):
    """The listing does not exist or is not offered to the caller."""

    code = "listing_not_found"
    message = (
        "The listing {listing!r} does not exist, or its publisher took it down. GET "
        "/v1/marketplace/listings lists the available ones."
    )
    listing: str = field(max_length=100)


class ListingVersionNotFound(Missing):
    """The listing has no such version."""

    code = "listing_version_not_found"
    message = (
        "The listing {listing!r} has no version {version} that can be run. Its newest is {last}; GET "
        "/v1/marketplace/listings/{listing}/versions lists them."
    )
    listing: str
    version: int
    last: int = field(in_body=False)


class PriceOverLimit(PaymentRequired):
    """The price of the listing exceeds the cost limit of the job."""

    code = "price_over_limit"
    slug: str = field(in_body=False)
    price_micros: int
    limit_micros: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"A run of {self.slug!r} costs ${self.price_micros / 1e6:.6f}, and limits.cost_usd allows "
            f"${self.limit_micros / 1e6:.6f}. The limit includes the price. Raise it, or omit it."
        )


class WalletTooSmall(PaymentRequired):
    """The balance of the wallet is lower than the maximum cost of the run."""

    code = "wallet_too_small"
    slug: str = field(in_body=False)
    price_micros: int
    needed_micros: int
    balance_micros: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"A run of {self.slug!r} may cost ${self.needed_micros / 1e6:.6f}, of which its price is "
            f"${self.price_micros / 1e6:.6f}, and the balance is ${self.balance_micros / 1e6:.6f}. Add "
            "credit, or lower limits.cost_usd."
        )


class ListingSlugTaken(Conflict):
    """Another listing of the instance has this slug."""

    code = "listing_slug_taken"
    message = "Another listing of this instance has the slug {slug!r}. Choose another slug."
    slug: str


class TooManyListings(Conflict):
    """The project has the maximum number of listings."""

    code = "too_many_listings"
    message = "This project has {limit} listings, the maximum."
    limit: int


class ListingNotReady(Conflict):
    """The listing has no version that can run."""

    code = "listing_not_ready"
    message = "The newest version of the listing {listing!r} runs a deployment that was deleted. Add a version first."
    listing: str


class ListingInUse(Conflict):
    """The listing was published and cannot be deleted."""

    code = "listing_in_use"
    message = 'The listing {listing!r} was published. Take it down instead: PATCH it with {{"status": "taken_down"}}.'
    listing: str


class ContentOwnedByPublisher(Conflict):
    """The conversation of a listing belongs to its publisher and cannot be forked or continued."""

    code = "content_owned_by_publisher"
    former_code = "content_is_the_publishers"
    message = (
        "Job {job_id!r} ran the listing {listing!r}, or was started by such a run. Its conversation is "
        "private to the publisher. Replay the run of the listing, or submit a new one."
    )
    job_id: UUID
    listing: str


class NotListable(Invalid):
    """The skill cannot be offered in the marketplace."""

    code = "not_listable"

    def __init__(self, skill: str, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{skill!r} cannot be offered to others: {first.path}: {first.message}", problems)


class BadListingJob(Invalid):
    """The job requests what a listing does not support."""

    code = "bad_listing_job"

    def __init__(self, slug: str, problem: Problem) -> None:
        super().__init__(
            f"The job is not valid for the listing {slug!r}: {problem.path}: {problem.message}", [problem]
        )


class ListingNotCallable(NotAllowed):
    """A skill calls a listing, or a listing calls a skill of another bundle."""

    code = "listing_not_callable"

    @classmethod
    def by_skill(cls) -> ListingNotCallable:
        """Return the error of a skill that calls a listing."""
        return cls(
            "A skill cannot call a listing of the marketplace. Submit a separate job instead: POST /v1/jobs "
            "with listing_id."
        )

    @classmethod
    def of_caller(cls, target: str) -> ListingNotCallable:
        """Return the error of a listing that calls a skill outside of its own bundle."""
        return cls(
            f"A listing can call only the skills of its own bundle, which has no skill {target[:100]!r}. It "
            "cannot call skills of the project that runs it.",
            target=target[:100],
        )
