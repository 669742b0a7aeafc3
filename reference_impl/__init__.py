"""The reference settlement system: pure decisions, one protocol, its wire form, its books and its servers."""
