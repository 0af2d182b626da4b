"""The format of a vault (docs/vault-format.md) as pure values: header, slots, entries, manifest, trail, bundles."""
