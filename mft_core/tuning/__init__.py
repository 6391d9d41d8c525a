"""What of a model is trained, and finished models on disk: LoRA, QLoRA, full; saved, found again, merged, exported.

Start with `methods`; `saving` writes `final/`, `finished` loads it.
"""
