"""A run, a diff, or one comparison, as one HTML file that needs nothing else: no script, font, image or network.

One module per part of the page: each is a pure function from the recorded JSON to frozen values, which the part's
template turns into markup. Templates escape whatever they are given.
"""

from dit_dagster.evidence.html.page import comparison_page, diff_page, run_page

__all__ = ["comparison_page", "diff_page", "run_page"]
