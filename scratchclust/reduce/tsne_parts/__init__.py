"""The machinery of t-SNE, behind `reduce.tsne`."""
