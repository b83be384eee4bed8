"""The exchanges' feeds: one file per venue behind one Protocol, and one loop that keeps their sockets open."""
