"""What templates, plans and manifests declare, as plain data, and the rules over it. Pure: no file, clock or network."""
