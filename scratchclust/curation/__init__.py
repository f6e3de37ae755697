"""What one wants to know of one's own pictures: copies, strangers, the typical and the doubtful,
how good each is, and how to sort the files.
"""
