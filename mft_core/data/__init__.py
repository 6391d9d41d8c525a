"""Files to records to tokens: every record is read, checked, tokenised once and kept in a memory-mapped store.

Start with `tokenising`; `source` and `tokenization` are what a plugin implements.
"""
