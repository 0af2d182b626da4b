"""Primitives over the providers: memory for secrets, KEMs, derivation, envelopes, streams, recipients."""
