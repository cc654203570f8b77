"""REST over requests, proposals and the ledger of model calls."""
