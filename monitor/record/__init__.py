"""The edge: bytes become sketched columns or a rejection. Raw client names and raw inputs end in this package."""
