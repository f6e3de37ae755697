"""What makes the pages of the site and tutorials/README.md out of the sources.

None of these files needs Sphinx but `extension`, which hands their pages to it: tests read them, too.
"""
