"""Tasks of labelled notes and labelled sequences of words: what an encoder is fine-tuned for and measured on."""
