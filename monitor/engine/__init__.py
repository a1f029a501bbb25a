"""From sketched columns to findings: pure, no I/O, no clock, no threads. One engine per partition."""
