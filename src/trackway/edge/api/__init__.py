"""The endpoints that ask the store or change a project: export, profiles, identities, lookup tables, accounts."""
