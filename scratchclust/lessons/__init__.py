"""The drawings of the tutorials, a file a subject, so that their pages show ideas and not plotting.

Each function takes arrays that a page has computed, returns a matplotlib figure that a notebook
shows, and gives it words for those who cannot see it (`paper.describe`).
"""
