"""From images [n h w c] to vectors [n d]."""
