"""Forms: what may be typed, and the sentence for what may not."""
