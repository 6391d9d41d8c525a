"""What is computed: attention that keeps packed documents apart, token losses without all logits, LoRA, fused layers.

Start with `token_losses`, the module that is trained; `packed_attention` is how documents share rows.
"""
