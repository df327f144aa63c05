"""Neural networks that find people in pictures: manifests, decoding, detectors."""
