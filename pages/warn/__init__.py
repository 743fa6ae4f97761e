"""The desk, `/warn`: from a proposal to a signed message and the proof that it arrived."""

from pages.warn.page import ACTION, PATH, TITLE, layout, register

__all__ = ["ACTION", "PATH", "TITLE", "layout", "register"]
