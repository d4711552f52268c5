"""Floor 2: dense features. A network sees the whole image once a scale; patches are pooled from its feature maps."""
