"""Outbound connections to addresses that others choose: only public ones, within limits."""
