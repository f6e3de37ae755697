"""The site of the course: `sphinx-build -W -b html tutorials build/site`.

Notebooks are shown as they are committed, nothing is executed. Nothing on the site is loaded from the network.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tutorials.tools.extension import MATHJAX

# Where the project lives, such as "https://github.com/owner/name". Pages then link to their file there, to Colab and to
# Binder; without it they say how they are run in a clone.
repository = ""
branch = "main"

project = "scratchclust"
author = "the authors of scratchclust"
project_copyright = "the authors of scratchclust, Apache-2.0"
extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx_copybutton", "tutorials.tools.extension"]
exclude_patterns = ["README.md", "play", "images", "tools", "_build", "**/.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
root_doc = "index"

nb_execution_mode = "off"
nb_render_image_options = {"align": "center"}
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
myst_dmath_double_inline = True
# two modules have a `Record`: which one a signature means is not asked
suppress_warnings = ["myst.header", "ref.python"]

mathjax_path = MATHJAX
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "local"}}

add_module_names = False
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
highlight_language = "python"

html_theme = "sphinx_book_theme"
html_title = "scratchclust"
html_static_path = ["site/static"]
html_css_files = ["style.css"]
html_js_files = ["frames.js"]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "repository_url": repository,
    "use_repository_button": bool(repository),
    "navbar_persistent": [],  # the search stands in the column on the left already
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "extra_footer": "Image clustering from scratch, in NumPy to be read and in JAX to be fast.",
}
