"""The vault: secrets under ML-KEM and ML-DSA, in the format of ``docs/vault-format.md``.

Pure cryptography and encoding, from the bottom up: ``secret`` (memory), ``providers`` (ML-KEM and ML-DSA), ``kdf``,
``profiles``, ``envelope``, ``hpke``, ``recipients``; then what is stored: ``slots``, ``keyring``, ``header``,
``entry``, ``manifest``, ``audit``, ``witness``; then files: ``stream``, ``sealed``, ``age``, ``bundle``. Above lies
what owns ``vault.db``: ``database``, ``ledger``, ``contents``, ``rekey``, ``verification``, ``safe``,
``rotation``, ``vault``; and the agent, the only process that opens it.
"""
