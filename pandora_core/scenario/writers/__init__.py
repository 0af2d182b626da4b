"""Owns the sensors: each sees happenings and writes the lines that its log would hold of them."""
