"""Owns what one deed looks like: each function gives the happenings that a deed of an actor consists of, in order.

Intruders do their deeds with the same functions as everybody else, so that only what they do tells them apart.
"""
