"""Every pixel decoded, by two decoders, to find what no header tells."""
