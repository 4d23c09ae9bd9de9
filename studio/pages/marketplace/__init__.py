"""`/p/{project}/marketplace`: what other projects offer, and what this one does; a listing has a page of its own."""

from studio.pages.marketplace.listing import Listing
from studio.pages.marketplace.listing import page as listing_page
from studio.pages.marketplace.market import Market, page

__all__ = ["Listing", "Market", "listing_page", "page"]
