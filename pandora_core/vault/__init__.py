"""The vault: secrets under ML-KEM and ML-DSA, in the format of ``docs/vault-format.md``.

Everything here is pure cryptography and encoding, from the bottom up: ``secret`` (memory), ``providers`` (ML-KEM and
ML-DSA), ``kdf``, ``profiles``, ``envelope``, ``hpke``, ``recipients``; then what is stored: ``slots``, ``keyring``,
``header``, ``entry``, ``manifest``, ``audit``, ``witness``; then files: ``stream``, ``sealed``, ``age``, ``bundle``.
"""
