"""What connects the domain to the outside."""
