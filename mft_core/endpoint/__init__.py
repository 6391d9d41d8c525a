"""A model behind an OpenAI-compatible endpoint: asked with care, each question paid for once."""
