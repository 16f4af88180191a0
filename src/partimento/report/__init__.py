"""Pages and pictures: what people listen to and look at."""
