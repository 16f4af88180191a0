"""Tasks on sound: what a network's vectors of audio tell, globally and frame by frame."""
