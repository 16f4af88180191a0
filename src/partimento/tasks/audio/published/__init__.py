"""Published sets of sound, read from the layouts they are released in, for those who hold the audio."""
