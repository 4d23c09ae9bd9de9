"""The pages `/p/{project}/marketplace`: the listings of all projects, those of this one, and one listing."""

from studio.pages.marketplace.listing import Listing
from studio.pages.marketplace.listing import page as listing_page
from studio.pages.marketplace.market import page
from studio.pages.marketplace.state import Market
from studio.pages.marketplace.views import Views

__all__ = ["Listing", "Market", "Views", "listing_page", "page"]
