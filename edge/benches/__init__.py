"""Measurements that need the whole branch, each beside its peer or baseline."""
