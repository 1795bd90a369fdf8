"""What a hub does where it is one of several sites, each with a broker of its own."""
