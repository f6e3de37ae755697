"""Parts of the definition of t-SNE, behind `reference.tsne`."""
